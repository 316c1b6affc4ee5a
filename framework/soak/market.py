"""The market a soak replays: the recorded tape or the synthetic one, and the window it covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework.market.events import GAP
from framework.market.tape import Tape, utc
from framework.settings.schema.market import TapeMarket
from framework.settings.schema.run import RunSettings
from framework.soak.errors import SoakError

HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, kw_only=True)
class SoakMarket:
    """A tape and the boundaries of the iterations on it (ns; one more than there are iterations)."""

    tape: Tape
    edges: tuple[int, ...]


def open_market(*, settings: RunSettings) -> SoakMarket:
    """Open or generate the market and cut the asked hours into iterations.

    Raises SoakError for a tape shorter than asked or one whose feed breaks inside an iteration, and what the tape
    store raises for a tape that cannot be read.
    """
    tape = _load(settings)
    start, stop = tape.start_ns, tape.end_ns
    if settings.soak.hours != "tape":
        asked = round(settings.soak.hours * HOUR_NS)
        held = stop - start
        # A recording rarely has an event in its very last instant: a minute of silence at the end is still the hour.
        if held < asked - 60_000_000_000:
            raise SoakError(
                f"soak.hours: {settings.soak.hours:g} h asked, {tape.meta.source} holds {held / HOUR_NS:.3g} h;"
                f" allowed up to that, or soak.hours=tape for all of it"
            )
        stop = start + asked
    n = settings.soak.iterations
    edges = tuple(start + (stop - start) * k // n for k in range(n + 1))
    _refuse_gaps(tape, edges)
    return SoakMarket(tape=tape, edges=edges)


def _load(settings: RunSettings) -> Tape:
    market = settings.market
    if isinstance(market, TapeMarket):
        from framework.market.store import open_tape

        return open_tape(market.path, symbol=market.symbol, start=market.start, end=market.end)
    from framework.market.synthetic import generate

    hours = settings.soak.hours
    if hours == "tape":
        raise SoakError(
            "soak.hours: tape needs market=tape; allowed a number of hours for a synthetic market"
        )
    return generate(preset=market.preset, regime=market.regime, hours=hours, seed=settings.soak.seed)


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
