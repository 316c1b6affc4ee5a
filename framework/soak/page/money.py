"""Charts of the money: equity, its components, the waterfall, markouts, and the arms of the tuner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.edge.window import HORIZONS, WindowData
from framework.soak.page.chart import canvas, colour, end_labels, svg, write_numbers, write_times, zero_line
from framework.soak.page.series import COLUMNS, Money, drawdown, money_over_time, thin
from framework.soak.page.words import fixed, known, num

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Z90 = 1.645
"""Half-width of a 90 % interval in standard errors."""

PARTS = {
    "gross": ("gross", "gross"),
    "slippage": ("slippage", "slippage"),
    "fees_eff": ("fees", "fees"),
    "adverse_1s": ("adverse 1 s", "adverse"),
    "carry": ("carry", "carry"),
    "opening": ("opening", "carry"),
    "funding": ("funding", "fees"),
}
"""Component: its word and its colour."""

HORIZON_WORDS = {
    "fill": "at fill",
    "100ms": "0.1 s",
    "500ms": "0.5 s",
    "1s": "1 s",
    "5s": "5 s",
    "30s": "30 s",
}


def equity_chart(*, window: WindowData, edges: tuple[int, ...], narrow: bool) -> str:
    """Draw the equity with its drawdown over the components that add up to it, iterations marked."""
    money = money_over_time(window)
    width, right = (380, 108) if narrow else (1040, 132)
    figure, (top, middle, bottom) = canvas(
        width=width, height=520, rows=(1.0, 0.34, 1.5), right=right, share_x=True, between=30
    )
    columns = 150 if narrow else COLUMNS
    _equity(top, money, window.quote, columns)
    _drawdown(middle, money, columns)
    _components(bottom, money, window.quote, columns)
    for axes in (top, middle, bottom):
        mark_iterations(axes, window=window, edges=edges, numbers=axes is top)
        axes.tick_params(labelbottom=axes is bottom)
    write_times(bottom, start_ns=window.start_ns, end_ns=window.end_ns, most=4 if narrow else 10)
    label = f"Equity, drawdown and components over time; net {num(money.net[-1] if len(money.net) else None)}"
    return svg(figure, name=f"equity-{narrow}", label=f"{label} {window.quote}")


def _equity(axes: Axes, money: Money, quote: str, columns: int) -> None:
    x, y = thin(money.seconds, money.net, columns=columns)
    zero_line(axes)
    axes.fill_between(
        x, y, 0.0, where=(y >= 0.0).tolist(), color=colour("good"), alpha=0.14, interpolate=True
    )
    axes.fill_between(x, y, 0.0, where=(y <= 0.0).tolist(), color=colour("bad"), alpha=0.14, interpolate=True)
    axes.plot(x, y, color=colour("net"), linewidth=1.7)
    axes.set_title(f"Equity, change since the start ({quote})")
    axes.margins(y=0.12)
    write_numbers(axes.yaxis, plus=True, most=4)
    if len(y):
        end_labels(axes, labels=[(float(y[-1]), f"net {num(y[-1], plus=True)}", "net")])


def _drawdown(axes: Axes, money: Money, columns: int) -> None:
    x, y = thin(money.seconds, drawdown(money.net), columns=columns)
    axes.fill_between(x, y, 0.0, color=colour("bad"), alpha=0.30)
    axes.set_title("Drawdown")
    write_numbers(axes.yaxis, most=2)
    if len(y):
        worst = float(y.min())
        axes.set_ylim(worst * 1.05 if worst else -1.0, 0.0)
        end_labels(axes, labels=[(worst / 2, f"worst {num(worst)}", "muted")])


def _components(axes: Axes, money: Money, quote: str, columns: int) -> None:
    zero_line(axes)
    labels = []
    for name, values in money.parts.items():
        if name == "funding" and not values.any():
            continue
        word, tint = PARTS[name]
        x, y = thin(money.seconds, values, columns=columns)
        axes.plot(x, y, color=colour(tint), linewidth=1.4, linestyle="--" if name == "funding" else "-")
        if len(y):
            labels.append((float(y[-1]), f"{word} {num(y[-1], plus=True)}", tint))
    x, y = thin(money.seconds, money.net, columns=columns)
    axes.plot(x, y, color=colour("net"), linewidth=2.4)
    if len(y):
        labels.append((float(y[-1]), f"net {num(y[-1], plus=True)}", "net"))
    axes.set_title(f"What it is made of, cumulative ({quote})")
    axes.margins(y=0.06)
    write_numbers(axes.yaxis, plus=True, most=6)
    end_labels(axes, labels=labels)


def mark_iterations(axes: Axes, *, window: WindowData, edges: tuple[int, ...], numbers: bool = False) -> None:
    """Shade every second iteration and, on one panel, number them."""
    count = len(edges) - 1
    step = max(1, -(-count // 24))
    for k in range(count):
        a, b = ((edge - window.start_ns) / 1e9 for edge in edges[k : k + 2])
        if k % 2 and count <= 48:
            axes.axvspan(a, b, color=colour("panel"), zorder=0.1)
        if numbers and k % step == 0:
            axes.annotate(
                str(k + 1), xy=((a + b) / 2, 1.0), xycoords=("data", "axes fraction"), xytext=(0, -3),
                textcoords="offset points", ha="center", va="top", color=colour("faint"), fontsize=9.5,
            )  # fmt: skip


def waterfall(*, totals: dict[str, Any]) -> str | None:
    """Draw the components in bps of turnover, each from where the one before ended; None without a net."""
    if known(totals["net_bps"]) is None:
        return None
    breakdown = totals["component_breakdown"]
    shown = [n for n in PARTS if n not in ("opening", "funding") or _counts(breakdown[n]["bps"])]
    figure, (axes,) = canvas(width=440, height=270, left=44, bottom=38)
    level, names = 0.0, []
    for k, name in enumerate(shown):
        step = known(breakdown[name]["bps"]) or 0.0
        word, tint = PARTS[name]
        names.append(word.replace(" ", "\n", 1))
        axes.bar(k, step, bottom=level, width=0.62, color=colour(tint))
        axes.plot([k - 0.31, k + 1.31], [level + step] * 2, color=colour("faint"), linewidth=0.8)
        _bar_value(axes, k, max(level, level + step), breakdown[name]["bps"], tint)
        level += step
    net = known(totals["net_bps"]) or 0.0
    axes.bar(len(shown), net, width=0.62, color=colour("net"))
    _bar_value(axes, len(shown), max(net, 0.0), totals["net_bps"], "net")
    zero_line(axes)
    axes.set_xticks(range(len(shown) + 1), [*names, "net"])
    axes.tick_params(axis="x", length=0)
    axes.use_sticky_edges = False
    axes.margins(x=0.02, y=0.13)
    axes.set_title("Basis points of turnover")
    write_numbers(axes.yaxis, plus=True)
    return svg(figure, name="waterfall", label="Components of the net in basis points of turnover")


def _counts(bps: Any) -> bool:
    """Tell whether a component shows at two decimals."""
    return abs(known(bps) or 0.0) >= 0.005


def _bar_value(axes: Axes, x: float, y: float, value: Any, tint: str) -> None:
    axes.annotate(
        fixed(value, plus=True), xy=(x, y), xytext=(0, 4), textcoords="offset points", ha="center",
        va="bottom", color=colour(tint), fontweight="bold", fontsize=10.5,
    )  # fmt: skip


def markout_chart(*, totals: dict[str, Any]) -> str | None:
    """Draw what fills are worth at each horizon's mid, before and after fees; None without fills."""
    curve = totals["markouts"]
    if known(curve["fill"]["bps"]) is None:
        return None
    names = ["fill", *HORIZONS]
    figure, (axes,) = canvas(width=440, height=270, left=44, right=84, bottom=38)
    zero_line(axes)
    ends = []
    for field, error, word, tint in (
        ("bps", "se_bps", "before fees", "gross"),
        ("net_bps", "net_se_bps", "after fees", "net"),
    ):
        at = [k for k, name in enumerate(names) if known(curve[name][field]) is not None]
        values = [float(curve[names[k]][field]) for k in at]
        errors = [Z90 * (known(curve[names[k]][error]) or 0.0) for k in at]
        if not at:
            continue
        low, high = ([v + sign * e for v, e in zip(values, errors, strict=True)] for sign in (-1.0, 1.0))
        axes.fill_between(at, low, high, color=colour(tint), alpha=0.12)
        axes.errorbar(
            at, values, yerr=errors, color=colour(tint), marker="o", markersize=4.5, capsize=3, linewidth=1.6
        )
        ends.append((values[-1], word, tint))
    axes.set_xticks(range(len(names)), [HORIZON_WORDS[name] for name in names])
    axes.set_xlim(-0.3, len(names) - 0.7)
    axes.set_title("Markout, bps of turnover, bars 90 %")
    axes.margins(y=0.12)
    write_numbers(axes.yaxis, plus=True)
    end_labels(axes, labels=ends)
    return svg(figure, name="markout", label="Markout of the fills by horizon, before and after fees")


def arms_charts(*, arms: list[dict[str, Any]]) -> list[str]:
    """Draw net and 30-s markout net of each arm with 90 % intervals, one chart each; none without fills."""
    if all(known(row["net_bps"]) is None for row in arms):
        return []
    return [_arms(arms, "net_bps", "Net, bps"), _arms(arms, "markout_net_30s_bps", "30-s markout net, bps")]


def _arms(arms: list[dict[str, Any]], field: str, title: str) -> str:
    figure, (axes,) = canvas(width=440, height=58 + 32 * len(arms), left=62)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.axvline(0.0, color=colour("faint"), linewidth=1.0)
    for k, row in enumerate(arms):
        value, bounds = known(row[field]), _bounds(row, field)
        if value is None:
            continue
        tint = colour("net" if k == 0 else "muted")
        if bounds:
            axes.plot(bounds, [k, k], color=tint, linewidth=3.0, alpha=0.4, solid_capstyle="round")
        axes.plot([value], [k], color=tint, marker="o", markersize=6.5)
        axes.annotate(
            fixed(value, plus=True), xy=(value, k), xytext=(0, 6), textcoords="offset points", ha="center",
            va="bottom", color=tint, fontsize=10.0,
        )  # fmt: skip
    axes.set_ylim(len(arms) - 0.5, -0.8)
    axes.set_yticks(range(len(arms)), [row["arm"] for row in arms])
    axes.set_title(title)
    axes.margins(x=0.1)
    write_numbers(axes.xaxis, plus=True)
    return svg(figure, name=f"arms-{field}", label=f"{title}: tuned against static, corner and placebo")


def _bounds(row: dict[str, Any], field: str) -> tuple[float, float] | None:
    if field == "net_bps":
        given = row.get("net_bps_interval") or {}
        low, high = known(given.get("lower")), known(given.get("upper"))
    else:
        value, error = known(row[field]), known(row.get("markout_net_30s_se_bps"))
        low, high = (
            (None, None) if value is None or error is None else (value - Z90 * error, value + Z90 * error)
        )
    return None if low is None or high is None else (low, high)
