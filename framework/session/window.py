"""The market a soak replays: recorded tapes or synthetic ones, and the window they cover together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from framework.files.moments import iso_utc_ns
from framework.market.events import DEPTH, GAP
from framework.market.made import Made
from framework.market.tape import Tape, pieces
from framework.market.tapes.open import TapeCache
from framework.market.tapes.sources import Recorded, TapeSource
from framework.session.errors import SoakError
from framework.settings.schema.market import TapeMarket
from framework.settings.schema.run import RunSettings
from framework.units import HOUR, SECOND


@dataclass(frozen=True, kw_only=True)
class ReplayWindow:
    """A tape and the boundaries of the iterations on it (ns; one more than there are iterations).

    ``beside`` are the tapes of the account's other symbols, on the same clock.
    """

    tape: Tape
    boundaries: tuple[int, ...]
    beside: tuple[Tape, ...] = ()

    @property
    def tapes(self) -> tuple[Tape, ...]:
        """Return the tape of every symbol."""
        return (self.tape, *self.beside)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the name of every symbol."""
        return tuple(tape.instrument.symbol for tape in self.tapes)

    def until(self, end_ns: int) -> ReplayWindow:
        """Return the same, but ended in or after an iteration that runs to this instant."""
        kept = tuple(edge for edge in self.boundaries if edge < end_ns)
        return replace(self, boundaries=(*kept, end_ns))

    def each(self) -> list[ReplayWindow]:
        """Return the window of each symbol by itself."""
        return [ReplayWindow(tape=tape, boundaries=self.boundaries) for tape in self.tapes]

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


def tape_sources(settings: RunSettings) -> list[TapeSource]:
    """Say which tapes settings mean; raises SoakError when a synthetic one has no length."""
    market, hours = settings.market, settings.soak.hours
    names = (market.symbol,) if market.symbols is None else market.symbols
    if isinstance(market, TapeMarket):
        paths = (market.path,) * len(names) if isinstance(market.path, str) else market.path
        both = zip(paths, names, strict=True)
        return [Recorded(path=path, symbol=s, start=market.start, end=market.end) for path, s in both]
    if hours == "tape":
        raise SoakError(
            "soak.hours: tape needs market=tape; allowed a number of hours for a synthetic market"
        )
    seed, drawn = settings.soak.seed, market.symbols is not None
    return [
        Made(
            preset=market.preset,
            regime=market.regime,
            hours=float(hours),
            seed=seed_of(seed, name) if drawn else seed,
            symbol=name,
        )
        for name in names
        if name is not None
    ]


def seed_of(seed: int, symbol: str) -> int:
    """Give the seed of one of several symbols: the same with whichever others it is played."""
    return int.from_bytes(sha256(f"{seed} {symbol}".encode()).digest()[:4], "big")


def open_window(*, settings: RunSettings, tapes: TapeCache | None = None) -> ReplayWindow:
    """Open or make the tapes and cut the asked hours into iterations; raises SoakError and TapeError."""
    cache = tapes or TapeCache()
    return join_window(settings=settings, tapes=[cache.tape(source) for source in tape_sources(settings)])


def cut_window(*, settings: RunSettings, tape: Tape) -> ReplayWindow:
    """Cut the asked hours of a tape into iterations.

    Raises SoakError for a tape that is empty, shorter than asked or whose feed breaks inside an iteration,
    for fees the instrument does not know and for orders that are meant to be real.
    """
    return join_window(settings=settings, tapes=[tape])


def join_window(*, settings: RunSettings, tapes: Sequence[Tape]) -> ReplayWindow:
    """Cut the asked hours of the time that all tapes cover into iterations, as ``cut_window`` does of one.

    Raises SoakError also for tapes that do not overlap and for what cannot share an account.
    """
    _refuse_real_orders(settings)
    for tape in tapes:
        _refuse_fees(tape, settings)
        if len(tape) == 0:
            raise SoakError(
                f"{tape.meta.source}: the tape holds no event; allowed a tape with a market in it"
            )
        if not any((tape.kind[rows] == DEPTH).any() for rows in pieces(len(tape))):
            raise SoakError(
                f"{tape.meta.source}: the tape holds no order book, trades alone; "
                "allowed a tape with a book to quote in"
            )
    if len(tapes) > 1:
        tapes = _together(tapes, settings)
    boundaries = _boundaries(tapes, settings)
    for tape in tapes:
        _refuse_gaps(tape, boundaries)
    return ReplayWindow(tape=tapes[0], boundaries=boundaries, beside=tuple(tapes[1:]))


def _together(tapes: Sequence[Tape], settings: RunSettings) -> list[Tape]:
    """Let all tapes begin where the last of them does, each with its book as it stood then."""
    if settings.soak.clock == "wall":
        raise SoakError(
            f"soak.clock: wall, but market.symbols names {len(tapes)};"
            f" allowed one symbol, or soak.clock=replay"
        )
    quotes = sorted({tape.instrument.quote for tape in tapes})
    if len(quotes) > 1:
        raise SoakError(
            f"market.symbols: paid in {' and '.join(quotes)};"
            " allowed symbols of one quote currency, the account's"
        )
    last, first = max(tapes, key=lambda t: t.start_ns), min(tapes, key=lambda t: t.end_ns)
    if last.start_ns >= first.end_ns:
        raise SoakError(
            f"market.symbols: {first.instrument.symbol} ends at {iso_utc_ns(first.end_ns)}, before"
            f" {last.instrument.symbol} begins at {iso_utc_ns(last.start_ns)}; allowed tapes that overlap"
        )
    return [tape.window(start_ns=last.start_ns) for tape in tapes]


def _boundaries(tapes: Sequence[Tape], settings: RunSettings) -> tuple[int, ...]:
    start, tape = tapes[0].start_ns, min(tapes, key=lambda t: t.end_ns)
    stop = tape.end_ns
    if settings.soak.hours != "tape":
        asked = round(settings.soak.hours * HOUR)
        held = stop - start
        # A recording rarely has an event in its very last instant: a minute of silence at the end is still
        # the hour.
        if held < asked - 60 * SECOND:
            holds = f"{tape.meta.source} holds" if len(tapes) == 1 else "the tapes have in common"
            raise SoakError(
                f"soak.hours: {settings.soak.hours:g} h asked, {holds}"
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
            f"{tape.meta.source}: the feed breaks at {iso_utc_ns(first)}, inside iteration {k}, and"
            f" {len(inside)} time(s) in all; allowed a window without gaps (quoteops tape gaps lists them)"
        )
