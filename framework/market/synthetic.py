"""The embedded synthetic market: a seeded order book fitted to stylised facts, never to a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.compiled.bundles import bind
from framework.compiled.records import at, dtype_of, to_array, zeros
from framework.market.errors import TapeError
from framework.market.events import TRADE
from framework.market.instrument import QUOTES, Instrument, split_symbol
from framework.market.made import Made
from framework.market.synthetic_core import advance
from framework.market.synthetic_presets import INSTRUMENTS, PRESETS, Shape, model_of, one, profile_of
from framework.market.synthetic_records import (
    JUMP,
    LAGS,
    LEVEL,
    MOD_DEPTH,
    POOL,
    POOL_MARGIN,
    POOLS,
    RING,
    SIGNS,
    SIZE,
    TOUCH,
    UNIFORM,
    Row,
    State,
    World,
)
from framework.market.synthetic_regimes import REGIMES, modulation
from framework.market.tape import EVENT_COLUMNS, Tape
from framework.units import MINUTE, MS

START_NS = 1_736_145_000_000_000_000
"""2025-01-06T06:30:00Z, a Monday; the 08:00 funding falls into the first three hours."""
ROWS_A_CHUNK = 1 << 17
MAX_HOURS = 24 * 31
Floats = NDArray[np.float64]
WRITTEN = {
    "exch_ts_ns": "ts_ns",
    "kind": "kind",
    "side": "side",
    "price_ticks": "price_ticks",
    "qty_lots": "qty_lots",
}
"""Columns of a tape that the simulation writes, and the field of its rows that holds them."""


Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A market that is simulated once, as its ``chunks`` of event columns are taken in order."""

    instrument: Instrument
    source: str
    chunks: Iterator[Columns]
    funding_rng: np.random.Generator

    def tape(self, columns: Mapping[str, NDArray[Any]]) -> Tape:
        """Make the tape of all chunks, wherever they were joined; raises TapeError."""
        funding = _funding(instrument=self.instrument, columns=columns, rng=self.funding_rng)
        given: Any = {**columns, **funding}
        return Tape.from_columns(instrument=self.instrument, source=self.source, format="synthetic", **given)


def generate(made: Made) -> Tape:
    """Simulate a market in memory; see ``simulation``."""
    market = simulation(made)
    chunks = list(market.chunks)
    return market.tape({name: np.concatenate([chunk[name] for chunk in chunks]) for name, _ in EVENT_COLUMNS})


def simulation(made: Made) -> Simulation:
    """Set up a market; one seed gives the same bytes again on one platform.

    The tape begins at START_NS. Raises TapeError on an unknown name, hours outside (0, 744], a negative seed
    or a symbol without a known quote.
    """
    _check(made)
    shape, instrument = PRESETS[made.preset], _named(symbol=made.symbol, preset=made.preset)
    streams = np.random.SeedSequence(made.seed).spawn(POOLS + 3)
    mods = modulation(
        regime=made.regime,
        seconds=max(1, round(made.hours * 3600)),
        mood_minutes=shape.mood_minutes,
        mood_sigma=shape.mood_sigma,
        rng=np.random.Generator(np.random.PCG64(streams[POOLS])),
    )
    clock = FeedClock(feed_ms=shape.feed_ms, rng=np.random.Generator(np.random.PCG64(streams[POOLS + 1])))
    rows = _simulate(shape=shape, mods=mods, streams=streams[:POOLS])
    return Simulation(
        instrument=instrument,
        source=f"synthetic {made.preset} {made.regime} {made.hours:g} h seed {made.seed}",
        chunks=(_event_columns(chunk, clock) for chunk in rows if len(chunk)),
        funding_rng=np.random.Generator(np.random.PCG64(streams[POOLS + 2])),
    )


def _named(*, symbol: str, preset: str) -> Instrument:
    base, quote = split_symbol(symbol=symbol)
    if not quote:
        raise TapeError(
            f"synthetic market: symbol is {symbol!r}; allowed one that ends in {', '.join(QUOTES)}"
        )
    return INSTRUMENTS[preset].changed(symbol=symbol, base=base, quote=quote)


def _check(made: Made) -> None:
    for what, value, allowed in (("preset", made.preset, PRESETS), ("regime", made.regime, REGIMES)):
        if value not in allowed:
            raise TapeError(f"synthetic market: {what} is {value!r}; allowed {', '.join(allowed)}")
    if not 0 < made.hours <= MAX_HOURS:
        raise TapeError(f"synthetic market: hours is {made.hours:g}; allowed above 0 to {MAX_HOURS}")
    if made.seed < 0:
        raise TapeError(f"synthetic market: seed is {made.seed}; allowed 0 or more")


def _simulate(*, shape: Shape, mods: Floats, streams: list[np.random.SeedSequence]) -> Iterator[NDArray[Any]]:
    """Yield the events in chunks of structured rows, refilling the pools of random numbers between them."""
    seconds = mods.shape[1]
    state = _opening_state(shape=shape, depth=float(mods[MOD_DEPTH, 0]))
    rngs = [np.random.Generator(np.random.PCG64(stream)) for stream in streams]
    world = bind(
        World,
        model=model_of(shape=shape, mods=seconds, steps_per_mod=1000 // shape.step_ms),
        state=state,
        book=np.zeros(2 * RING, np.int64),
        profile=profile_of(shape=shape),
        signs=np.append(1 - 2 * rngs[UNIFORM].integers(0, 2, SIGNS), 0).astype(np.int64),
        lags=_lags(power=shape.sign_power),
        pool=np.empty(POOLS * POOL),
        cursor=np.full(POOLS, POOL, np.int64),
        out=zeros(Row, ROWS_A_CHUNK),
        mods=mods.ravel(),
    )
    step = 0
    while step < seconds * (1000 // shape.step_ms):
        _refill(world, shape=shape, rngs=rngs)
        step = advance(world)
        yield to_array(Row, world.out, at(state, 0).rows)


def _refill(world: World, *, shape: Shape, rngs: list[np.random.Generator]) -> None:
    """Draw anew each pool that may run out within a step."""
    for which in range(POOLS):
        if world.cursor[which] > POOL - POOL_MARGIN:
            world.pool[which * POOL : (which + 1) * POOL] = _numbers(
                which=which, shape=shape, rng=rngs[which]
            )
            world.cursor[which] = 0


def _opening_state(*, shape: Shape, depth: float) -> list[State]:
    values = dict.fromkeys(dtype_of(State).names or (), 0.0)
    values |= {
        "ts_ns": START_NS,
        "rows_max": ROWS_A_CHUNK,
        "best_bid": shape.price_ticks,
        "best_ask": shape.price_ticks + 1,
        "latent": shape.price_ticks + 0.5,
        "lean": 1.0,
        "depth": depth,
    }
    return one(State, values)


def _numbers(*, which: int, shape: Shape, rng: np.random.Generator) -> Floats:
    """Draw one pool.

    Uniforms, or log-normal: order sizes (median 1), jumps (rms 1), levels (mean 1), touch targets (median 1).
    """
    if which == UNIFORM:
        return rng.random(POOL)
    normal = rng.standard_normal(POOL)
    if which == SIZE:
        return np.exp(shape.size_sigma * normal)
    if which == LEVEL:
        return np.exp(shape.lots_sigma * normal - 0.5 * shape.lots_sigma**2)
    if which == TOUCH:
        return np.exp(shape.touch_sigma * normal)
    assert which == JUMP
    jumps = np.exp(shape.jump_sigma * normal - shape.jump_sigma**2)
    return np.where(rng.random(POOL) < shape.shock_share, shape.shock_scale * (0.5 + jumps), jumps)


def _lags(*, power: float) -> NDArray[np.int64]:
    """Return LAGS equally likely lags of 1..SIGNS - 1 orders with a power-law density."""
    weight = np.arange(1, SIGNS, dtype=np.float64) ** -(1.0 + power)
    cumulative = np.cumsum(weight) / weight.sum()
    return np.searchsorted(cumulative, (np.arange(LAGS) + 0.5) / LAGS).astype(np.int64) + 1


class FeedClock:
    """Say when each message arrives: a floor plus a heavy-tailed delay, never out of order."""

    def __init__(self, *, feed_ms: tuple[float, float], rng: np.random.Generator) -> None:
        self.floor_ms, self.spread_ms = feed_ms
        self.rng = rng
        self.last_ns = 0

    def receive(self, *, exch_ts_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return receive times of whole messages, a message being the rows of one exchange time."""
        begins = np.append(0, 1 + np.flatnonzero(exch_ts_ns[1:] != exch_ts_ns[:-1]))
        delay_ms = self.floor_ms + 0.5 * self.spread_ms * self.rng.standard_exponential(len(begins)) ** 2
        received = exch_ts_ns[begins] + (MS * delay_ms).astype(np.int64)
        received[0] = max(received[0], self.last_ns)
        received = np.maximum.accumulate(received)
        self.last_ns = int(received[-1])
        return np.repeat(received, np.diff(begins, append=len(exch_ts_ns)))


def _event_columns(rows: NDArray[Any], clock: FeedClock) -> Columns:
    """Turn the rows of a chunk into the event columns of a tape."""
    given = {name: rows[field] for name, field in WRITTEN.items()}
    given["recv_ts_ns"] = clock.receive(exch_ts_ns=rows["ts_ns"])
    return {name: given[name].astype(dtype) for name, dtype in EVENT_COLUMNS}


def _funding(
    *, instrument: Instrument, columns: Mapping[str, NDArray[Any]], rng: np.random.Generator
) -> Columns:
    """Return the funding times inside the tape with a small rate and the last trade's price as the mark."""
    if not instrument.funding_interval_min:
        return {}
    every = instrument.funding_interval_min * MINUTE
    times = columns["exch_ts_ns"]
    due = np.arange(-(-int(times[0]) // every) * every, int(times[-1]) + 1, every, dtype=np.int64)
    marks = [_last_trade(columns["kind"], before=int(row)) for row in np.searchsorted(times, due)]
    traded = [row for row in marks if row is not None]
    if not traded:
        return {}
    rates = np.round(1e-4 * rng.standard_normal(len(due)) + 1e-4, 8)
    return {
        "funding_ts_ns": due,
        "funding_rate": rates,
        "funding_mark": columns["price_ticks"][traded] * instrument.tick,
    }


def _last_trade(kind: NDArray[np.uint8], *, before: int) -> int | None:
    """Find the last trade before a row, or the tape's first; None in a tape without trades."""
    for end in range(before, 0, -ROWS_A_CHUNK):
        first = max(0, end - ROWS_A_CHUNK)
        trades = np.flatnonzero(kind[first:end] == TRADE)
        if len(trades):
            return first + int(trades[-1])
    for first in range(0, len(kind), ROWS_A_CHUNK):
        trades = np.flatnonzero(kind[first : first + ROWS_A_CHUNK] == TRADE)
        if len(trades):
            return first + int(trades[0])
    return None
