"""The market a soak replays: the recorded tape or the synthetic one, and the window it covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework.market.events import GAP
from framework.market.tape import Tape, utc
from framework.market.tapes.open import TapeShelf
from framework.session.errors import SoakError
from framework.settings.schema.run import RunSettings

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS


@dataclass(frozen=True, kw_only=True)
class SoakMarket:
    """A tape and the boundaries of the iterations on it (ns; one more than there are iterations)."""

    tape: Tape
    edges: tuple[int, ...]


def open_market(*, settings: RunSettings, shelf: TapeShelf | None = None) -> SoakMarket:
    """Open or generate the market and cut the asked hours into iterations.

    Raises SoakError for a tape that is empty, shorter than asked or whose feed breaks inside an iteration,
    and for fees the instrument does not know; and what the tape store raises for a tape that cannot be
    read.
    """
    tape = (shelf or TapeShelf()).tape(settings=settings)
    _refuse_fees(tape, settings)
    edges = _edges(tape, settings)
    _refuse_gaps(tape, edges)
    return SoakMarket(tape=tape, edges=edges)


def _edges(tape: Tape, settings: RunSettings) -> tuple[int, ...]:
    if len(tape) == 0:
        raise SoakError(f"{tape.meta.source}: the tape holds no event; allowed a tape with a market in it")
    start, stop = tape.start_ns, tape.end_ns
    if settings.soak.hours != "tape":
        asked = round(settings.soak.hours * HOUR_NS)
        held = stop - start
        # A recording rarely has an event in its very last instant: a minute of silence at the end is still
        # the hour.
        if held < asked - 60 * SECOND_NS:
            raise SoakError(
                f"soak.hours: {settings.soak.hours:g} h asked, {tape.meta.source} holds"
                f" {held / HOUR_NS:.3g} h; allowed up to that, or soak.hours=tape for all of it"
            )
        stop = start + asked
    n = settings.soak.iterations
    if stop - start < n * SECOND_NS:
        raise SoakError(
            f"soak.iterations: {n} iterations of {(stop - start) / SECOND_NS / n:.3g} s on"
            f" {tape.meta.source}; allowed at least 1 s each"
        )
    return tuple(start + (stop - start) * k // n for k in range(n + 1))


def _refuse_fees(tape: Tape, settings: RunSettings) -> None:
    kind = tape.instrument.kind
    if settings.exchange.fee_in_base and kind != "spot":
        raise SoakError(
            f"exchange.fee_in_base: true, but {tape.instrument.symbol} is {kind}; allowed with spot only,"
            f" where buys pay in the coin they receive"
        )


def _refuse_gaps(tape: Tape, edges: tuple[int, ...]) -> None:
    at = tape.exch_ts_ns[tape.kind == GAP]
    inside = at[(at >= edges[0]) & (at < edges[-1])]
    if len(inside):
        first = int(inside[0])
        k = int(np.searchsorted(np.asarray(edges), first, side="right"))
        raise SoakError(
            f"{tape.meta.source}: the feed breaks at {utc(ns=first)}, inside iteration {k}, and"
            f" {len(inside)} time(s) in all; allowed a window without gaps (quoteops tape gaps lists them)"
        )
