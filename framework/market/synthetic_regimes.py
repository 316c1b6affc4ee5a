"""Regimes of the synthetic market: how volatility, flow, depth and drift run over the seconds of a tape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framework.market.synthetic_records import MOD_DEPTH, MOD_DRIFT, MOD_FLOW, MOD_VOL, MODS


@dataclass(frozen=True, kw_only=True)
class Regime:
    """Multiply a preset's jump size, order flow and depth, all along or at one burst.

    A burst begins between ``burst_from`` and ``burst_to`` of the tape, rises in 20 s and fades with
    1 / (1 + t / fade), fade being ``fade_share`` of the tape; ``drift`` is the share of its jumps that go one
    way at its peak.
    """

    vol: float = 1.0
    flow: float = 1.0
    depth: float = 1.0
    burst_vol: float = 0.0
    burst_flow: float = 0.0
    burst_depth: float = 0.0
    drift: float = 0.0
    burst_from: float = 0.25
    burst_to: float = 0.6
    fade_share: float = 0.04


REGIMES = {
    "normal": Regime(),
    "event": Regime(burst_vol=4.0, burst_flow=5.0, burst_depth=0.6, drift=0.25),
    "high_vol": Regime(vol=2.0, flow=1.6, depth=0.6),
}


def modulation(
    *, regime: str, seconds: int, mood_minutes: float, mood_sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return volatility, flow, depth and drift by second, shape (MODS, seconds).

    A slow mood (log-normal, mean-reverting over ``mood_minutes``) moves flow, half as much volatility, and
    depth the other way; it makes activity cluster over minutes as it does on real tapes.
    """
    rule = REGIMES[regime]
    mood = np.exp(mood_sigma * _mood(seconds=seconds, minutes=mood_minutes, rng=rng) - 0.5 * mood_sigma**2)
    burst, way = _burst(rule=rule, seconds=seconds, rng=rng)
    made = np.empty((MODS, seconds))
    made[MOD_VOL] = rule.vol * np.sqrt(mood) * (1.0 + rule.burst_vol * burst)
    made[MOD_FLOW] = rule.flow * mood * (1.0 + rule.burst_flow * burst)
    made[MOD_DEPTH] = rule.depth * mood**-0.25 * (1.0 - rule.burst_depth * burst)
    made[MOD_DRIFT] = way * rule.drift * burst
    return made


def _mood(*, seconds: int, minutes: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a stationary, unit-variance Ornstein-Uhlenbeck path by second, interpolated from 10 s points."""
    points = seconds // 10 + 2
    keep = 1.0 - 10.0 / (60.0 * minutes)
    noise = rng.standard_normal(points)
    path = np.empty(points)
    path[0] = noise[0]
    for k in range(1, points):
        path[k] = keep * path[k - 1] + np.sqrt(1.0 - keep * keep) * noise[k]
    return np.interp(np.arange(seconds), 10.0 * np.arange(points), path)


def _burst(*, rule: Regime, seconds: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    begin = seconds * (rule.burst_from + (rule.burst_to - rule.burst_from) * rng.random())
    way = 1.0 if rng.random() < 0.5 else -1.0
    since = np.arange(seconds) - begin
    rise = np.clip(since / 20.0, 0.0, 1.0)
    return rise / (1.0 + np.maximum(since - 20.0, 0.0) / (rule.fade_share * seconds)), way
