"""The charts over time of the page's script: money, market, the busiest minutes, symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from framework.edge.attribution import attribute_fills
from framework.edge.window import WindowData
from framework.soak.page.live import Fills, Line, LiveChart, LiveGrid, LivePanel, grid_of
from framework.soak.page.money import shown_parts
from framework.soak.page.orders import busy_minutes, quotes
from framework.soak.page.packed import packed
from framework.soak.page.series import Floats, Money, drawdown, every, seconds_of
from framework.soak.page.words import whole

MOST_FILLS = 3000
"""So many fills are points; of more, every n-th."""


def live_money(at: str, grid: LiveGrid, money: Money, quote: str) -> LiveChart:
    """Give the result, its drawdown and what it is made of."""

    def line(name: str, colour: str, values: Floats, **more: Any) -> Line:
        return Line(
            name=name, colour=colour, values=packed(grid.values(money.seconds, values)), plus=True, **more
        )

    parts = [
        line(word, tint, values, dashed=word == "funding", width=1.3)
        for word, tint, values in shown_parts(money)
    ]
    net = line("net", "net", money.net, width=1.7, fill="sign")
    below = line("below the best", "bad", drawdown(money.net), width=1.0, fill="tone")
    return grid.chart(
        at,
        [
            LivePanel(
                title=f"Equity, change since the start ({quote})",
                height=170, lines=[net], plus=True, within=(0.0,),
            ),
            LivePanel(title="Drawdown", height=70, lines=[below], ends="top"),
            LivePanel(
                title=f"What it is made of, cumulative ({quote})",
                height=230, plus=True, within=(0.0,),
                lines=[*parts, line("net", "net", money.net, width=2.2)],
            ),
        ],
    )  # fmt: skip


def live_market(at: str, grid: LiveGrid, window: WindowData, limit_quote: float | None) -> LiveChart:
    """Give mid and fills, our spread, our inventory with its limit."""
    rows, seconds = window.samples, seconds_of(window, window.samples["ts_ns"])
    mids = quotes(rows, window.tick)[0]
    both = (rows["bid_ticks"] > 0) & (rows["ask_ticks"] > 0)
    wide = np.where(both, (rows["ask_ticks"] - rows["bid_ticks"]) * window.tick / mids * 1e4, np.nan)
    worth = np.where(rows["position"] == 0.0, 0.0, rows["position"] * mids)
    levels = () if limit_quote is None else (limit_quote, -limit_quote)
    fills, text = live_fills(window)
    digits = decimals(window.tick)

    def line(name: str, colour: str, values: Floats, **more: Any) -> Line:
        return Line(name=name, colour=colour, values=packed(grid.values(seconds, values)), **more)

    return grid.chart(
        at,
        [
            LivePanel(
                title=f"Mid and fills, {text}: \u25b2 buys, \u25bc sells",
                height=240, lines=[line("mid", "muted", mids, width=1.0, digits=digits + 1)], fills=fills,
            ),
            LivePanel(
                title="Our spread, bps", height=80, ends="bottom",
                lines=[line("both sides", "net", wide, width=1.0)],
            ),
            LivePanel(
                title=f"Inventory at the mid ({window.quote})", height=130, plus=True,
                within=levels or (0.0,), levels=levels,
                lines=[line("position", "carry", worth, width=1.0, steps=True, fill="tone", plus=True)],
            ),
        ],
    )  # fmt: skip


def live_close_up(at: str, window: WindowData) -> LiveChart | None:
    """Give the two minutes with the most fills and our quotes; pointer and zoom are their own."""
    busy = busy_minutes(window)
    if busy is None:
        return None
    short = replace(
        window, samples=busy.samples, fills=busy.fills, start_ns=busy.start_ns, end_ns=busy.end_ns
    )
    grid = grid_of(short, (), symbols=1)
    seconds, digits = seconds_of(short, busy.samples["ts_ns"]), decimals(window.tick)
    named = (("mid", "muted", digits + 1), ("our bid", "gross", digits), ("our ask", "adverse", digits))
    lines = [
        Line(
            name=name, colour=colour, values=packed(grid.values(seconds, y)), width=1.2, digits=places,
            steps=True,
        )
        for (name, colour, places), y in zip(named, quotes(busy.samples, window.tick), strict=True)
    ]  # fmt: skip
    fills, _ = live_fills(short)
    title = f"The busiest two minutes, {len(busy.fills)} fills"
    panel = LivePanel(title=title, height=210, lines=lines, fills=fills)
    return replace(grid.chart(at, [panel]), together=at)


def live_fills(window: WindowData) -> tuple[Fills | None, str]:
    """Give the fills as points and say which they are; None without fills."""
    if not len(window.fills):
        return None, "none"
    edge = attribute_fills(window)
    rows = window.fills
    markout = rows["side"] * (rows["m_30s"] - rows["price"]) * rows["qty"] + edge.fees_eff
    shown, step = every(np.arange(len(rows)), most=MOST_FILLS)
    columns = {
        "at": packed(seconds_of(window, rows["exch_ts_ns"])[shown]),
        "side": packed(rows["side"][shown], unit=1.0),
        "price": packed(rows["price"][shown], unit=window.tick),
        "qty": packed(rows["qty"][shown], unit=window.lot),
        "gross": packed((edge.gross / edge.notional * 1e4)[shown]),
        "net": packed((markout / edge.notional * 1e4)[shown]),
    }
    text = f"all {whole(len(rows))}" if step == 1 else f"one in {step} of {whole(len(rows))}"
    return Fills(columns=columns, digits=decimals(window.tick)), text


def live_symbols(at: str, grid: LiveGrid, named: Sequence[tuple[str, str, Money]], quote: str) -> LiveChart:
    """Give the result of each symbol and of the account."""
    lines = [
        Line(
            name=name, colour=tint, values=packed(grid.values(money.seconds, money.net)), plus=True,
            width=2.2 if name == "account" else 1.4,
        )
        for name, tint, money in named
    ]  # fmt: skip
    title = f"Result of each symbol and of the account ({quote})"
    return grid.chart(at, [LivePanel(title=title, height=220, lines=lines, plus=True, within=(0.0,))])


def decimals(tick: float) -> int:
    """Give how many decimals a price in ticks has."""
    text = f"{tick:.12f}".rstrip("0")
    return len(text.partition(".")[2])
