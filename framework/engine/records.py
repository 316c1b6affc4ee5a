"""Records of a replay: the market it is fed, where it stands, and a sample of the account."""

from __future__ import annotations

from collections.abc import Sequence

from framework.compiled.bundles import bundle
from framework.compiled.records import f8, i1, i8, record, u1

# how an advance ended
REACHED = 0
FILLS_FULL = 1
AUDITS_FULL = 2
SAMPLES_FULL = 3
BROKEN = 4
TICK_DUE = 5

SPARE = 64
"""Rows of fills and audits kept free, so that nothing is lost before the driver is asked for more room."""
STUCK = 10_000
"""Ticks at one instant: time does not pass."""


@bundle
class Feed:
    """Market events in order, with the times at which the exchange and the desk see them.

    The desk sees an event ``delay_ns[0]`` after its ``local_ts_ns``: where the delay is the same for all, the
    exchange's own times serve as these, and no column of times has to be made.
    """

    exch_ts_ns: Sequence[i8]
    local_ts_ns: Sequence[i8]
    kind: Sequence[u1]
    side: Sequence[i1]
    price_ticks: Sequence[i8]
    qty_lots: Sequence[i8]
    delay_ns: Sequence[i8]


@record
class Cursor:
    """Where a replay stands besides its two halves: what it is to do, next sample, fills looked after."""

    started: i8
    end_runs: i8
    by_stage: i8
    samples: i8
    next_sample_ns: i8
    sample_interval_ns: i8
    fills_noted: i8


@record
class Sample:
    """The account on a grid of tape time; cash counts from the start of the run."""

    ts_ns: i8
    mid: f8
    position: f8
    cash: f8
    fees: f8
    funding: f8
    turnover: f8
    bid_ticks: i8
    ask_ticks: i8
    params_version: i8


@bundle
class Run:
    """What a replay keeps beside its halves."""

    cursor: Cursor
    samples: list[Sample]
