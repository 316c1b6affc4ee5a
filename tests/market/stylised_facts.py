"""The table that the synthetic market is fitted to, the misses it admits, and the page made from both.

``python -m tests.market.stylised_facts`` writes the table and the picture of docs/synthetic.md anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framework.market.events import TRADE
from framework.market.facts import measure, replay
from framework.market.made import Made
from framework.market.synthetic import generate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "synthetic.md"
PICTURE = PAGE.with_name("synthetic.svg")
HOURS = {"liquid_perp": 3.0, "thin_spot": 34.0}
REGIMES = ("normal", "event", "high_vol")
SLACK = 0.25
"""How far outside its range a fact may lie, as a share of the bound, before it has to be an admitted miss."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Give a fact's range on recorded markets; ``miss`` is a wider one that the synthetic market keeps to."""

    name: str
    says: str
    low: float
    high: float
    miss: tuple[float, float] | None = None
    slack: float = SLACK

    def allowed(self) -> tuple[float, float]:
        """Return the bounds that the tests hold the synthetic market to."""
        if self.miss:
            return self.miss
        return self.low - self.slack * abs(self.low), self.high + self.slack * abs(self.high)


def fact(
    name: str,
    says: str,
    low: float,
    high: float | None = None,
    *,
    miss: tuple[float, float] | None = None,
    slack: float = SLACK,
) -> Fact:
    """Make a row; a fact known from one tape only has one bound."""
    return Fact(name=name, says=says, low=low, high=low if high is None else high, miss=miss, slack=slack)


LIQUID = (
    fact("tick_bps", "tick, bps", 0.016, 0.036),
    fact("spread_1_share", "spread of 1 tick, share of time", 0.99, 1.0, slack=0.0),
    fact("spread_2_share", "spread of 2 ticks", 0.0, 0.002, slack=0.0),
    fact("spread_3_share", "spread of 3 ticks or more", 0.0, 0.008, slack=0.0),
    fact("touch_p10", "touch depth p10, quote currency", 76e3, 330e3),
    fact("touch_p50", "touch depth p50", 150e3, 750e3),
    fact("touch_p90", "touch depth p90", 0.24e6, 1.4e6),
    fact("depth_1bps", "depth of a side within 1 bps", 0.5e6, 1.2e6),
    fact("depth_5bps", "depth within 5 bps", 3e6, 8e6),
    fact("depth_10bps", "depth within 10 bps", 9e6, 17e6),
    fact("bbo_per_s", "touch updates a second", 86, 192),
    fact("bbo_moving_mid", "share of them that move the mid", 0.013, 0.031),
    fact("depth_messages_per_s", "depth messages a second", 18, 31),
    fact("depth_levels_per_s", "levels behind the touch published a second", 600, 1250, miss=(35, 70)),
    fact("trades_per_min", "trades a minute", 1340, 3700),
    fact("orders_per_min", "taker orders a minute", 450, 950),
    fact("fano_1s", "Fano factor of orders, 1 s", 5, 23),
    fact("fano_10s", "Fano factor, 10 s", 12, 51),
    fact("fano_60s", "Fano factor, 60 s", 35, 135),
    fact("size_over_touch_p50", "order size over touch, p50", 0.005, 0.02),
    fact("size_over_touch_p90", "order size over touch, p90", 1.0, 1.2),
    fact("clearing_share", "share of orders that clear the touch", 0.10, 0.15),
    fact("sign_acf_1", "order-sign autocorrelation, lag 1", 0.20, 0.25),
    fact("sign_acf_10", "order-sign autocorrelation, lag 10", 0.09, 0.13),
    fact("sd_0.1s_bps", "sd of the mid at 0.1 s, bps/√s", 0.33, 1.3),
    fact("sd_1s_bps", "sd at 1 s", 0.37, 1.3),
    fact("sd_30s_bps", "sd at 30 s", 0.29, 1.1),
    fact("kurtosis_1s", "kurtosis of 1-s returns", 14, 24),
    fact("imbalance_corr_1s", "correlation of imbalance with the next 1 s", 0.16, 0.51),
    fact("markout_fill_bps", "our fill at the touch: markout at fill, bps", 0.005, 0.018),
    fact("markout_0.1s_bps", "markout after 0.1 s", -0.61, -0.27),
    fact("markout_0.5s_bps", "after 0.5 s", -0.71, -0.39),
    fact("markout_1s_bps", "after 1 s", -0.80, -0.42),
    fact("markout_5s_bps", "after 5 s", -1.1, -0.44),
    fact("markout_30s_bps", "after 30 s", -1.0, -0.28),
)

THIN = (
    fact("tick_bps", "tick, bps", 8.2),
    fact("spread_1_share", "spread of 1 tick, share of time", 0.80, slack=0.05),
    fact("spread_2_share", "spread of 2 ticks", 0.195),
    fact("spread_3_share", "spread of 3 ticks or more", 0.004, miss=(0.001, 0.004)),
    fact("touch_p10", "touch depth p10, quote currency", 95, miss=(35, 75)),
    fact("touch_p50", "touch depth p50", 296, slack=0.4),
    fact("touch_p90", "touch depth p90", 1328),
    fact("depth_25bps", "depth of a side within 25 bps", 4400),
    fact("bbo_per_s", "touch updates a second", 0.40),
    fact("bbo_moving_mid", "share of them that move the mid", 0.17),
    fact("depth_messages_per_s", "depth messages a second", 0.80),
    fact("depth_levels_per_s", "levels behind the touch published a second", 1.6),
    fact("trades_per_min", "trades a minute", 9.2),
    fact("orders_per_min", "taker orders a minute", 4.5),
    fact("fano_1s", "Fano factor of orders, 1 s", 2.4),
    fact("fano_10s", "Fano factor, 10 s", 3.8),
    fact("fano_60s", "Fano factor, 60 s", 8.7, slack=0.35),
    fact("size_over_touch_p50", "order size over touch, p50", 0.25),
    fact("size_over_touch_p90", "order size over touch, p90", 2.7),
    fact("clearing_share", "share of orders that clear the touch", 0.24),
    fact("sign_acf_1", "order-sign autocorrelation, lag 1", 0.24),
    fact("sign_acf_10", "order-sign autocorrelation, lag 10", 0.09, miss=(0.03, 0.13)),
    fact("sd_0.1s_bps", "sd of the mid at 0.1 s, bps/√s", 1.41),
    fact("sd_1s_bps", "sd at 1 s", 1.35),
    fact("sd_30s_bps", "sd at 30 s", 1.26),
    fact("kurtosis_1s", "kurtosis of 1-s returns", 650, slack=0.7),
    fact("imbalance_corr_1s", "correlation of imbalance with the next 1 s", 0.11, miss=(0.04, 0.09)),
    fact("markout_fill_bps", "our fill at the touch: markout at fill, bps", 3.9, slack=0.35),
    fact("markout_0.1s_bps", "markout after 0.1 s", -0.63, miss=(-0.63, 0.6)),
    fact("markout_0.5s_bps", "after 0.5 s", -0.75, miss=(-0.75, 0.4)),
    fact("markout_1s_bps", "after 1 s", -0.79, miss=(-0.8, 0.2)),
    fact("markout_5s_bps", "after 5 s", -0.80, miss=(-1.1, 0.0)),
    fact("markout_30s_bps", "after 30 s", -1.2, slack=0.6),
)

TABLES = {"liquid_perp": LIQUID, "thin_spot": THIN}


def measured(*, preset: str, regime: str, seed: int = 1) -> dict[str, float]:
    """Measure a synthetic tape of the length that the page speaks of."""
    return measure(tape=generate(Made(preset=preset, regime=regime, hours=HOURS[preset], seed=seed)))


def figure(value: float) -> str:
    """Write a number with about three figures, large ones in thousands and millions."""
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / {'M': 1e6, 'k': 1e3}[unit]:.3g}{unit}"
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"
    return f"{value:.5f}".rstrip("0") if "e" in text else text


def table(*, preset: str) -> str:
    """Write the page's table of one preset: target and what seed 1 measures under each regime."""
    columns = [measured(preset=preset, regime=regime) for regime in REGIMES]
    lines = ["| fact | target | normal | event | high_vol |", "|---|--:|--:|--:|--:|"]
    for row in TABLES[preset]:
        target = figure(row.low) if row.low == row.high else f"{figure(row.low)} to {figure(row.high)}"
        cells = " | ".join(figure(column[row.name]) for column in columns)
        lines.append(f"| {row.says}{' †' if row.miss else ''} | {target} | {cells} |")
    return "\n".join(lines)


def draw() -> str:
    """Draw an event hour: the mid, each second's traded volume, and the mean markout of the probe's fills."""
    tape = generate(Made(preset="liquid_perp", regime="event", hours=1.0, seed=1))
    touches = replay(tape=tape, probe_ms=100).touches
    seconds = np.arange(0, 3600, 4)
    at = np.searchsorted(touches["ts_ns"], tape.start_ns + seconds * 1_000_000_000, side="right") - 1
    mid = 0.05 * (touches["bid"] + touches["ask"])[np.maximum(at, 0)]
    rows = np.flatnonzero(tape.kind == TRADE)
    slot = ((tape.exch_ts_ns[rows] - tape.start_ns) // 4_000_000_000).astype(int)
    volume = np.sqrt(np.bincount(slot, weights=tape.qty_lots[rows] / 1000.0, minlength=901)[:900])
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 380" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="960" height="380" fill="#ffffff"/>',
        '<text x="20" y="24" fill="#222">liquid_perp, regime event, one hour, seed 1</text>',
        f'<text x="20" y="44" fill="#1f5fa8">mid, {mid.min():.1f} to {mid.max():.1f}</text>',
        '<text x="20" y="288" fill="#b3541e">traded volume in 4 s (root scale)</text>',
        f'<path fill="none" stroke="#1f5fa8" stroke-width="1.3" d="{_line(mid, 60, 260)}"/>',
        f'<path fill="none" stroke="#b3541e" stroke-width="1" d="{_bars(volume, 300, 365)}"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _line(values: np.ndarray, top: float, bottom: float) -> str:
    span = float(values.max() - values.min()) or 1.0
    ys = bottom - (bottom - top) * (values - values.min()) / span
    xs = 20 + 920 * np.arange(len(values)) / (len(values) - 1)
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))


def _bars(values: np.ndarray, top: float, bottom: float) -> str:
    xs = 20 + 920 * np.arange(len(values)) / (len(values) - 1)
    ys = bottom - (bottom - top) * values / (float(values.max()) or 1.0)
    return " ".join(f"M{x:.1f} {bottom:.0f} V{y:.1f}" for x, y in zip(xs, ys, strict=True))


def write_page() -> None:
    """Replace the tables between their markers, and the picture."""
    text = PAGE.read_text(encoding="utf-8")
    for preset in TABLES:
        head, rest = text.split(f"<!-- facts {preset} -->\n")
        tail = rest.split("<!-- end -->", 1)[1]
        text = f"{head}<!-- facts {preset} -->\n{table(preset=preset)}\n<!-- end -->{tail}"
    PAGE.write_text(text, encoding="utf-8")
    PICTURE.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
