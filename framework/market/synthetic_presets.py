"""The synthetic markets by name: their instruments, and shapes fitted to the table of stylised facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from framework.compiled.records import dtype_of, from_array
from framework.market.instrument import Instrument
from framework.market.synthetic_records import Model
from framework.units import MS

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Describe a market in its own units: rates per second, times in seconds, lots, ticks.

    Order flow: ``orders`` is the usual rate of all taker orders, ``noise`` its exogenous part, ``kernels``
    the (seconds, branching ratio) of three exponential excitations, ``news_kick`` what a jump of usual size
    adds, in orders. News: ``jumps`` of the latent price of ``jump_ticks`` rms, a ``shock_share`` of them
    ``shock_scale`` times as large. Race: informed takers (``take_rate``) against makers (``pull_rate``) once
    the latent price lies ``threshold`` ticks beyond the touch. ``occupied`` and ``lots`` give the share of
    prices that hold anything, and how much, next to the touch and at the far edge. Everything else is named
    as in ``synthetic_records.Model``.
    """

    step_ms: int
    price_ticks: int
    levels: int
    slack: int
    orders: float
    noise: float
    kernels: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    news_kick: float
    wide_flow: float
    sign_copy: float
    sign_power: float
    size_median: float
    size_sigma: float
    order_levels: int
    print_lots: float
    max_prints: int
    jumps: float
    jump_coupling: float
    jump_ticks: float
    jump_sigma: float
    jump_cap: float
    shock_share: float
    shock_scale: float
    leak: float
    momentum: float
    tilt: float
    threshold: float
    urgency: float
    impact: float
    take_rate: float
    take_size: float
    pull_rate: float
    follow: float
    quick: float
    catch_up: float
    close_rate: float
    close_wide_rate: float
    close_full: bool
    close_skill: float
    touch: float
    touch_sigma: float
    touch_updates: float
    touch_coupling: float
    touch_step: float
    touch_pull: float
    touch_redraw: float
    touch_start: float
    deplete: float
    trim: float
    depth_messages: float
    depth_levels: float
    occupied: tuple[float, float]
    lots: tuple[float, float]
    lots_sigma: float
    mood_minutes: float
    mood_sigma: float
    feed_ms: tuple[float, float]


INSTRUMENTS = {
    "liquid_perp": Instrument(
        symbol="SYNTHUSDT",
        venue="synthetic",
        kind="linear",
        tick_size="0.1",
        lot_size="0.001",
        min_qty="0.001",
        min_notional="5",
        base="SYNTH",
        quote="USDT",
        funding_interval_min=480,
    ),
    "thin_spot": Instrument(
        symbol="SYNTHUSDT",
        venue="synthetic",
        kind="spot",
        tick_size="0.001",
        lot_size="0.01",
        min_qty="0.01",
        min_notional="5",
        base="SYNTH",
        quote="USDT",
        funding_interval_min=0,
    ),
}

PRESETS = {
    "liquid_perp": Shape(
        step_ms=1,
        price_ticks=600_000,
        levels=600,
        slack=120,
        orders=8.0,
        noise=0.49,
        kernels=((0.03, 0.3), (1.0, 0.35), (30.0, 0.2)),
        news_kick=0.45,
        sign_copy=0.88,
        sign_power=0.1,
        size_median=40.0,
        size_sigma=1.9,
        order_levels=12,
        print_lots=250.0,
        max_prints=12,
        jumps=0.41,
        jump_coupling=0.5,
        jump_ticks=53.0,
        jump_sigma=0.6,
        jump_cap=400.0,
        shock_share=0.0,
        shock_scale=1.0,
        leak=0.85,
        momentum=0.61,
        close_wide_rate=330.0,
        urgency=0.0,
        impact=0.0,
        wide_flow=1.0,
        quick=0.0,
        tilt=0.65,
        threshold=5.0,
        take_rate=60.0,
        take_size=0.2,
        pull_rate=2.0,
        follow=0.95,
        catch_up=0.85,
        close_rate=330.0,
        close_full=True,
        close_skill=0.05,
        touch=6000.0,
        touch_sigma=0.4,
        touch_updates=98.0,
        touch_coupling=0.25,
        touch_step=0.05,
        touch_pull=0.8,
        touch_redraw=0.002,
        touch_start=0.5,
        deplete=0.0,
        trim=0.9,
        depth_messages=22.0,
        depth_levels=5.0,
        occupied=(0.35, 0.12),
        lots=(380.0, 3800.0),
        lots_sigma=1.1,
        mood_minutes=12.0,
        mood_sigma=0.35,
        feed_ms=(2.0, 4.0),
    ),
    "thin_spot": Shape(
        step_ms=5,
        price_ticks=1_220,
        levels=30,
        slack=20,
        orders=0.07,
        noise=0.017,
        kernels=((0.3, 0.48), (8.0, 0.29), (120.0, 0.17)),
        news_kick=0.2,
        sign_copy=0.78,
        sign_power=0.2,
        size_median=5000.0,
        size_sigma=1.4,
        order_levels=4,
        print_lots=20000.0,
        max_prints=8,
        jumps=0.03,
        jump_coupling=0.6,
        jump_ticks=0.42,
        jump_sigma=0.9,
        jump_cap=12.0,
        shock_share=0.003,
        shock_scale=14.0,
        leak=0.7,
        momentum=0.5,
        close_wide_rate=6.0,
        urgency=4.0,
        impact=0.45,
        wide_flow=0.45,
        quick=0.95,
        tilt=0.85,
        threshold=0.3,
        take_rate=6.0,
        take_size=1.5,
        pull_rate=3.0,
        follow=0.6,
        catch_up=1.0,
        close_rate=0.11,
        close_full=False,
        close_skill=1.6,
        touch=17000.0,
        touch_sigma=0.85,
        touch_updates=0.34,
        touch_coupling=0.2,
        touch_step=0.5,
        touch_pull=0.7,
        touch_redraw=0.1,
        touch_start=0.9,
        deplete=0.3,
        trim=0.0,
        depth_messages=0.7,
        depth_levels=2.2,
        occupied=(0.97, 0.9),
        lots=(90_000.0, 150_000.0),
        lots_sigma=0.8,
        mood_minutes=30.0,
        mood_sigma=0.65,
        feed_ms=(5.0, 10.0),
    ),
}


def model_of(*, shape: Shape, mods: int, steps_per_mod: int) -> list[Model]:
    """Turn a shape into the constants of one step: rates become probabilities, kernels become decays."""
    step = shape.step_ms / 1000.0
    values: dict[str, float] = {name: getattr(shape, name) for name in SAME}
    values |= {
        "step_ns": shape.step_ms * MS,
        "steps_per_mod": steps_per_mod,
        "mods": mods,
        "order_mean": shape.orders * step,
        "order_base": shape.noise * step,
        "jump": shape.jumps * step,
        "informed": shape.take_rate * step,
        "pull": shape.pull_rate * step,
        "close": min(shape.close_rate * step, 1.0),
        "close_wide": min(shape.close_wide_rate * step, 1.0),
        "close_full": shape.close_full,
        "touch_update": shape.touch_updates * step,
        "flush": shape.depth_messages * step,
        "flush_levels": shape.depth_levels,
    }
    for name, (seconds, ratio) in zip(("fast", "mid", "slow"), shape.kernels, strict=True):
        values[f"decay_{name}"] = 1.0 - step / seconds
        values[f"kick_{name}"] = ratio * step / seconds
    return one(Model, values)


def one(cls: type[T], values: dict[str, float]) -> list[T]:
    """Make a buffer of one record from its fields; raises ValueError when one is missing or unknown."""
    names = dtype_of(cls).names or ()
    if set(values) != set(names):
        raise ValueError(f"{cls.__name__}: fields differ: {sorted(set(values) ^ set(names))}")
    made = np.zeros(1, dtype_of(cls))
    for name, value in values.items():
        made[name] = value
    return from_array(cls, made)


SAME = (
    "levels",
    "slack",
    "news_kick",
    "wide_flow",
    "sign_copy",
    "size_median",
    "order_levels",
    "print_lots",
    "max_prints",
    "jump_coupling",
    "jump_ticks",
    "jump_cap",
    "leak",
    "momentum",
    "tilt",
    "threshold",
    "urgency",
    "impact",
    "take_size",
    "follow",
    "quick",
    "catch_up",
    "close_skill",
    "touch",
    "touch_coupling",
    "touch_step",
    "touch_pull",
    "touch_start",
    "touch_redraw",
    "deplete",
    "trim",
)
"""Fields that mean the same in a shape and in the model."""


def profile_of(*, shape: Shape) -> NDArray[np.float64]:
    """Return the shares of occupied prices by distance 0..levels, then the mean lots of an occupied price."""
    far = np.arange(shape.levels + 1) / shape.levels
    occupied = shape.occupied[1] + (shape.occupied[0] - shape.occupied[1]) * np.maximum(0.0, 1.0 - 10.0 * far)
    lots = shape.lots[0] + (shape.lots[1] - shape.lots[0]) * np.minimum(1.0, 4.0 * far)
    return np.concatenate([occupied, lots])
