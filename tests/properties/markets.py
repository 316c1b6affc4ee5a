"""Random markets: a wandering book with sparse levels, prints at and through the touch, crossings, clears
and gaps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from framework.market.events import BUY, SELL
from tests.engine.tapes import Row, ask, bid, bought, clear, gap, sold

MID = 10_000


class _Walk:
    """The book as the generator knows it, and the rows written so far."""

    def __init__(self, seed: int, wild: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.wild = wild
        self.mid = MID
        self.ms = 0.0
        self.rows: list[Row] = []
        self.snapshot()

    def snapshot(self) -> None:
        self.rows.append(clear(self.ms))
        for away in range(1, 9):
            if away == 1 or self.rng.random() < 0.7:
                self.rows.append(bid(self.ms, self.mid - away, int(self.rng.integers(1, 40))))
            if away == 1 or self.rng.random() < 0.7:
                self.rows.append(ask(self.ms, self.mid + away, int(self.rng.integers(1, 40))))

    def step(self, spaced: bool) -> None:
        rng = self.rng
        if spaced or rng.random() < 0.7:
            self.ms += round(float(rng.exponential(20.0)), 3) + 0.001
        what = rng.random()
        away = int(rng.integers(1, 8))
        lots = int(rng.integers(0, 40))
        buy = rng.random() < 0.5
        if what < 0.55:
            self.rows.append(
                bid(self.ms, self.mid - away, lots) if buy else ask(self.ms, self.mid + away, lots)
            )
        elif what < 0.85:
            print_at = self.mid + int(rng.integers(-4, 5))
            size = int(rng.integers(1, 30))
            self.rows.append(
                bought(self.ms, max(print_at, self.mid), size)
                if buy
                else sold(self.ms, min(print_at, self.mid), size)
            )
        elif what < 0.97 or not self.wild:
            self.mid += 1 if buy else -1  # the touch walks, sometimes onto the other side's best
            self.rows.append(
                bid(self.ms, self.mid - 1, lots + 1) if buy else ask(self.ms, self.mid + 1, lots + 1)
            )
        elif what < 0.98:
            self.rows.append(clear(self.ms, BUY if buy else SELL))
        else:
            if what > 0.99:
                self.rows.append(gap(self.ms))
                self.ms += 15.0
            self.snapshot()


def market(*, seed: int, events: int, wild: bool = True, spaced: bool = False) -> list[Row]:
    """Write ``events`` steps of a random market; ``spaced`` gives every step an instant of its own."""
    walk = _Walk(seed, wild)
    for _ in range(events):
        walk.step(spaced)
    return walk.rows


def knobs() -> st.SearchStrategy[dict[str, Any]]:
    """Draw parameters of a desk that quotes near the touch of such a market."""
    return st.fixed_dictionaries(
        {
            "base_half_spread_bps": st.sampled_from([0.5, 2.0, 4.0]),
            "inventory_skew": st.sampled_from([0.0, 1.0]),
            "glft_risk": st.sampled_from([0.0, 0.5]),
            "min_interval_ns": st.sampled_from([0, 1_000_000, 50_000_000]),
            "tick_interval_ns": st.sampled_from([0, 10_000_000, 100_000_000]),
            "replace_capacity": st.sampled_from([2.0, 1e9]),
            "replace_per_ns": st.sampled_from([2e-9, 1.0]),
            "max_delta_ratio": st.sampled_from([0.1, 1e9]),
            "impact_cap_ratio": st.sampled_from([0.1, 1.0]),
            "requote_tolerance_bps": st.sampled_from([0.0, 1.0]),
            "queue_nudge_ticks": st.sampled_from([0, 1]),
            "queue_eta_target_ns": st.just(3e9),
            "quote_notional": st.sampled_from([5.0, 20.0]),
            "max_position_quotes": st.sampled_from([1.0, 2.0]),
            "inflight_max": st.sampled_from([1, 10]),
            "liquidity_enabled": st.sampled_from([0, 1]),
            "md_enabled": st.sampled_from([0, 1]),
            "md_fresh_ns": st.just(60_000_000),
            "md_jump_ticks": st.just(1),
            "signal_weight_bps": st.sampled_from([0.0, 2.0]),
            "signal_k": st.just(1.0),
            "maker_fee_bps": st.sampled_from([-0.5, 0.0, 1.0]),
            "backoff_ns": st.sampled_from([5_000_000, 100_000_000]),
        }
    )


def conventions() -> st.SearchStrategy[dict[str, Any]]:
    """Draw an exchange."""
    return st.fixed_dictionaries(
        {
            "maker_fee": st.sampled_from([-1e-4, 0.0, 2e-4]),
            "taker_fee": st.just(5e-4),
            "fee_in_base": st.sampled_from([0, 1]),
            "queue_model": st.sampled_from([0, 1]),
            "partial_fills": st.sampled_from([1, 1, 0]),
            "shared_queue": st.sampled_from([1, 1, 0]),
            "slippage_rate": st.sampled_from([0.0, 5e-4]),
        }
    )
