"""The market a soak replays: the recorded tape or the synthetic one, and the window it covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework.market.events import GAP
from framework.market.tape import Tape, pieces, utc
from framework.market.tapes.open import TapeCache
from framework.market.tapes.sources import Made, Recorded, TapeSource
from framework.session.errors import SoakError
from framework.settings.schema.market import TapeMarket
from framework.settings.schema.run import RunSettings
from framework.units import HOUR, SECOND


@dataclass(frozen=True, kw_only=True)
class ReplayWindow:
    """A tape and the boundaries of the iterations on it (ns; one more than there are iterations)."""

    tape: Tape
    boundaries: tuple[int, ...]

    @property
    def iterations(self) -> int:
        """Return how many there are."""
        return len(self.boundaries) - 1

    @property
    def start_ns(self) -> int:
        """Return where the first begins."""
        return self.boundaries[0]

    @property
    def end_ns(self) -> int:
        """Return where the last ends."""
        return self.boundaries[-1]


def tape_source(settings: RunSettings) -> TapeSource:
    """Say which tape settings mean; raises SoakError when a synthetic one has no length."""
    market, hours = settings.market, settings.soak.hours
    if isinstance(market, TapeMarket):
        return Recorded(path=market.path, symbol=market.symbol, start=market.start, end=market.end)
    if hours == "tape":
        raise SoakError(
            "soak.hours: tape needs market=tape; allowed a number of hours for a synthetic market"
        )
    return Made(
        preset=market.preset,
        regime=market.regime,
        hours=float(hours),
        seed=settings.soak.seed,
        symbol=market.symbol,
    )


def open_window(*, settings: RunSettings, tapes: TapeCache | None = None) -> ReplayWindow:
    """Open or make the tape and cut the asked hours into iterations; raises SoakError and TapeError."""
    return cut_window(settings=settings, tape=(tapes or TapeCache()).tape(tape_source(settings)))


def cut_window(*, settings: RunSettings, tape: Tape) -> ReplayWindow:
    """Cut the asked hours of a tape into iterations.

    Raises SoakError for a tape that is empty, shorter than asked or whose feed breaks inside an iteration,
    for fees the instrument does not know and for orders that are meant to be real.
    """
    _refuse_real_orders(settings)
    _refuse_fees(tape, settings)
    boundaries = _boundaries(tape, settings)
    _refuse_gaps(tape, boundaries)
    return ReplayWindow(tape=tape, boundaries=boundaries)


def _boundaries(tape: Tape, settings: RunSettings) -> tuple[int, ...]:
    if len(tape) == 0:
        raise SoakError(f"{tape.meta.source}: the tape holds no event; allowed a tape with a market in it")
    start, stop = tape.start_ns, tape.end_ns
    if settings.soak.hours != "tape":
        asked = round(settings.soak.hours * HOUR)
        held = stop - start
        # A recording rarely has an event in its very last instant: a minute of silence at the end is still
        # the hour.
        if held < asked - 60 * SECOND:
            raise SoakError(
                f"soak.hours: {settings.soak.hours:g} h asked, {tape.meta.source} holds"
                f" {held / HOUR:.3g} h; allowed up to that, or soak.hours=tape for all of it"
            )
        stop = start + asked
    n = settings.soak.iterations
    if stop - start < n * SECOND:
        raise SoakError(
            f"soak.iterations: {n} iterations of {(stop - start) / SECOND / n:.3g} s on"
            f" {tape.meta.source}; allowed at least 1 s each"
        )
    return tuple(start + (stop - start) * k // n for k in range(n + 1))


def _refuse_real_orders(settings: RunSettings) -> None:
    if settings.exchange.mode == "real":
        raise SoakError(
            "exchange.mode: is real, but a replayed market takes no orders: nothing would be sent; allowed"
            " paper (leave EXCHANGE_MODE unset)"
        )


def _refuse_fees(tape: Tape, settings: RunSettings) -> None:
    kind = tape.instrument.kind
    if settings.exchange.fee_in_base and kind != "spot":
        raise SoakError(
            f"exchange.fee_in_base: true, but {tape.instrument.symbol} is {kind}; allowed with spot only,"
            f" where buys pay in the coin they receive"
        )


def _refuse_gaps(tape: Tape, boundaries: tuple[int, ...]) -> None:
    broken = [rows.start + np.flatnonzero(tape.kind[rows] == GAP) for rows in pieces(len(tape))]
    at = tape.exch_ts_ns[np.concatenate(broken)]
    inside = at[(at >= boundaries[0]) & (at < boundaries[-1])]
    if len(inside):
        first = int(inside[0])
        k = int(np.searchsorted(np.asarray(boundaries), first, side="right"))
        raise SoakError(
            f"{tape.meta.source}: the feed breaks at {utc(ns=first)}, inside iteration {k}, and"
            f" {len(inside)} time(s) in all; allowed a window without gaps (quoteops tape gaps lists them)"
        )
