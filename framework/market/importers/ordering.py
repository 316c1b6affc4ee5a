"""The order in which book messages happened at the exchange, and where a message is missing.

Binance's rule (developers.binance.com, "How to manage a local order book correctly"): a snapshot of id L
joins the first diff with u > L, when U <= L + 1 (spot) or pu <= L (futures); after it every diff must
continue the one before.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers.recording import BREAK, DIFF, LOST, SNAPSHOT, TICKER, Recording
from framework.market.importers.times import estimate_ticker_times, settle, unstamped

Ints = NDArray[np.int64]
JOINS: dict[str, Callable[[Ints, Ints, Ints], NDArray[np.bool_]]] = {
    "spot": lambda first, prev, before: first <= before + 1,
    "futures": lambda first, prev, before: prev <= before,
}
"""Binance's two rules: does a diff (first id U, previous id pu) continue a book whose last id is ``before``?
"""
BIG = np.iinfo(np.int64).max


class Plan(NamedTuple):
    """List book messages in exchange order: index, what to do (an op, or BREAK), exchange time ns."""

    message: Ints
    act: Ints
    exch_ns: Ints


class Fields(NamedTuple):
    """Hold a recording's messages as arrays."""

    op: Ints
    exch: Ints
    recv: Ints
    first: Ints
    last: Ints
    prev: Ints


def plan_book(*, recording: Recording) -> Plan:
    """Order the messages and mark the breaks; counts gaps, duplicates and clock faults in the recording."""
    held = recording.messages
    fields = Fields(
        *(
            np.array(column, np.int64)
            for column in (
                held.op, held.exch_ns, held.recv_ns, held.first_id, held.last_id, held.prev_id
            )
        )
    )  # fmt: skip
    if not len(fields.op):
        return Plan(*(np.zeros(0, np.int64) for _ in range(3)))
    if recording.contiguous in JOINS and (fields.op == DIFF).any():
        plan = _by_update_id(recording=recording, fields=fields)
    elif (fields.op == TICKER).all() and (fields.last >= 0).all():
        rows = _distinct(recording=recording, fields=fields, op=TICKER)
        exch = unstamped(recording=recording, exch=fields.exch, recv=fields.recv)
        plan = Plan(rows, fields.op[rows], exch[rows])
    else:
        plan = _by_file_order(recording=recording, fields=fields)
    recv = fields.recv[plan.message]
    settled = settle(recording=recording, times=plan.exch_ns, recv=recv, what="book messages")
    return plan._replace(exch_ns=settled)


def _by_file_order(*, recording: Recording, fields: Fields) -> Plan:
    """Keep arrival order; where ids count up by one, an id that is not the next breaks the book."""
    act = fields.op.copy()
    keep = np.ones(len(act), bool)
    if recording.contiguous == "counted":
        expected = -1
        for row, (op, last) in enumerate(zip(fields.op.tolist(), fields.last.tolist(), strict=True)):
            if op == SNAPSHOT:
                expected = last + 1
            elif op == DIFF and expected >= 0 and last < expected:
                keep[row] = False
                recording.count("duplicate_updates")
            elif op == DIFF and last != expected:
                keep[row] = expected >= 0
                act[row] = BREAK
                recording.count("sequence_gaps", int(expected >= 0))
                expected = -1
            elif op == DIFF:
                expected = last + 1
    elif recording.contiguous == "none":
        recording.count("sequence_gaps", int((act == BREAK).sum()))
    rows = np.flatnonzero(keep & (act != LOST))
    exch = unstamped(recording=recording, exch=fields.exch, recv=fields.recv)
    return Plan(rows, act[rows], exch[rows])


def _by_update_id(*, recording: Recording, fields: Fields) -> Plan:
    """Sort diffs and tickers by update id, join snapshots, break where a diff does not continue the last."""
    diffs = _distinct(recording=recording, fields=fields, op=DIFF)
    tickers = _distinct(recording=recording, fields=fields, op=TICKER)
    snapshots = np.flatnonzero(fields.op == SNAPSHOT)
    snapshots = snapshots[np.argsort(fields.last[snapshots], kind="stable")]
    joins = JOINS[recording.contiguous]
    whole = joins(fields.first[diffs[1:]], fields.prev[diffs[1:]], fields.last[diffs[:-1]])
    breaks = np.flatnonzero(~whole) + 1
    recording.count("sequence_gaps", len(breaks))
    exch = fields.exch.copy()
    exch[diffs] = settle(recording=recording, times=exch[diffs], recv=fields.recv[diffs], what="book updates")
    exch = estimate_ticker_times(
        recording=recording,
        exch=exch,
        recv=fields.recv,
        ticker_rows=tickers,
        diff_rows=diffs,
        ticker_ids=fields.last[tickers],
        diff_ids=fields.last[diffs],
    )
    parts: list[Plan] = []
    bounds = [0, *breaks.tolist(), len(diffs)]
    trusted = False
    for begin, end in itertools.pairwise(bounds):
        segment = diffs[begin:end]
        if trusted:
            parts.append(Plan(segment[:1], np.array([BREAK]), exch[segment[:1]]))
        until = int(fields.first[diffs[end]]) if end < len(diffs) else BIG
        part = _segment(
            recording=recording, fields=fields, exch=exch, diffs=segment,
            tickers=tickers[fields.last[tickers] < until], snapshots=snapshots,
        )  # fmt: skip
        trusted = part is not None
        if part is not None:
            parts.append(part)
    if not parts:
        raise TapeError(
            f"{recording.files[0]}: no order book snapshot joins the book updates; "
            "give the file that holds the snapshot too, together with those that continue it"
        )
    return Plan(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _segment(
    *, recording: Recording, fields: Fields, exch: Ints, diffs: Ints, tickers: Ints, snapshots: Ints
) -> Plan | None:
    """Return one unbroken stretch from the first snapshot that joins it; None when none does."""
    last = fields.last[diffs]
    joins = JOINS[recording.contiguous]
    for snapshot in snapshots:
        at = fields.last[snapshot]
        row = int(np.searchsorted(last, at, side="right"))
        if row == len(diffs):
            continue
        if row == 0 and not joins(fields.first[diffs[:1]], fields.prev[diffs[:1]], at)[0]:
            continue
        recording.measures["diffs_before_book"] = recording.measures.get("diffs_before_book", 0) + row
        used, quoted = diffs[row:], tickers[fields.last[tickers] > at]
        message = np.concatenate([used, quoted])
        order = np.lexsort((fields.op[message], fields.last[message]))
        message = message[order]
        earliest = int(exch[diffs[row - 1]]) if row else 0
        latest = int(exch[used[0]])
        taken = int(fields.exch[snapshot]) or earliest or latest
        start = min(max(taken, earliest), latest)
        return Plan(
            np.concatenate([[snapshot], message]),
            np.concatenate([[SNAPSHOT], fields.op[message]]),
            np.concatenate([[start], np.maximum(exch[message], start)]),
        )
    return None


def _distinct(*, recording: Recording, fields: Fields, op: int) -> Ints:
    """Return the rows of one op sorted by id, the first of each id; counts duplicates and arrivals out of
    order.
    """
    rows = np.flatnonzero(fields.op == op)
    _, first = np.unique(fields.last[rows], return_index=True)
    recording.count("duplicate_updates", len(rows) - len(first))
    arrived = rows[np.sort(first)]
    recording.count("out_of_order_updates", int((np.diff(fields.last[arrived]) < 0).sum()))
    return rows[first]
