"""Records of a replay: where it stands on the tape, what is in flight, and a sample of the account."""

from __future__ import annotations

from framework.compiled.records import f8, i8, record

# how an advance ended
REACHED = 0
FILLS_FULL = 1
AUDITS_FULL = 2
SAMPLES_FULL = 3
BROKEN = 4
TICK_DUE = 5


@record
class Cursor:
    """Where the replay stands: tape positions of both clocks, requests in flight, next tick and sample."""

    started: i8
    end_runs: i8
    by_stage: i8
    staged: i8
    exch_i: i8
    local_i: i8
    funding_i: i8
    params_i: i8
    samples: i8
    next_sample_ns: i8
    sample_interval_ns: i8
    last_tick_ns: i8
    dirty: i8
    dirty_ns: i8
    request_head: i8
    request_count: i8
    request_last_ns: i8
    requests: i8
    fills_noted: i8
    same_instant: i8
    overflow: i8


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
