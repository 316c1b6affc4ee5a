"""The money in words: the numbers at the top, what carry means for them, and the table of components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.edge.intervals import Interval
from framework.edge.section import Section
from framework.gates.comparison import FEW_FILLS
from framework.soak.page.money import PARTS
from framework.soak.page.words import NONE, fixed, interval, num, percent, whole

if TYPE_CHECKING:
    from framework.session.origin import Origin

HIDDEN_CARRY = 0.5
"""From this share of the net on, carry is called out: it is luck with the position before it is edge."""


@dataclass(frozen=True)
class Tile:
    """A number at the top: its name, its value, and what to read beside it."""

    name: str
    value: str
    beside: str


@dataclass(frozen=True)
class CarryWords:
    """What carry means for the net, and how loud to say it."""

    tint: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ComponentRow:
    """A component of the net, in bps and in quote currency."""

    name: str
    tint: str
    total: bool
    bps: str
    quote: str
    interval: str


@dataclass(frozen=True)
class FeeWords:
    """What a maker pays and who said so, where these fills break even, and how loud to say it."""

    tint: str
    text: str


def fee_words(*, fee_bps: float, even_bps: float | None, origin: Origin, recorded: bool) -> FeeWords:
    """Say the fee, where it came from and the fee at which the fills would net nothing."""
    even = "unknown, no fill was a maker's" if even_bps is None else f"{fixed(even_bps, plus=False)} bps"
    source = f" ({origin.fee_from})" if origin.fee_from else ""
    text = f"Maker fee {num(fee_bps)} bps{source}; these fills break even at {even}."
    if origin.fee_chosen or not recorded:
        return FeeWords("open", text)
    tiers = " or ".join([*(f"exchange={name}" for name in origin.tiers), "exchange.maker_fee_bps=N"])
    return FeeWords("warn", f"{text} Nobody chose this fee for a recorded market: say {tiers}.")


def headline(totals: Section, quote: str) -> list[Tile]:
    """Give the numbers at the top of the page: name, value, and what to read beside it.

    Of few fills no figure is in bps.
    """
    money = [
        _tile(
            "Result", f"{num(totals.net_quote, plus=True)} {quote}",
            f"worst drawdown {num(totals.max_drawdown_quote)}{_over(totals)}",
        ),
        _tile("Fills", whole(totals.fills), f"turnover {num(totals.turnover_quote)} {quote}"),
    ]  # fmt: skip
    if totals.fills < FEW_FILLS:
        names = ("Net", "Quoted edge", "30-s markout, net", "Net without carry")
        return [*(Tile(name, NONE, f"fewer than {FEW_FILLS} fills") for name in names), *money]
    markout, error = totals.markout_30s.net_bps, totals.markout_30s.net_se_bps
    of_edge = percent(totals.net_to_gross)
    return [
        _tile("Net", _in_bps(totals.net_bps), _range_words(totals.intervals["net_bps"])),
        _tile("Quoted edge", _in_bps(totals.parts["gross"].bps), f"net is {of_edge} of it"),
        _tile("30-s markout, net", _in_bps(markout), f"± {num(error)} (standard error)"),
        _tile("Net without carry", _in_bps(_without_carry(totals)), _carry_share(totals)),
        *money,
    ]


def _over(totals: Section) -> str:
    """Say what was earned for each unit of the worst drawdown."""
    worst = totals.max_drawdown_quote
    return f"; result over it {fixed(totals.net_quote / abs(worst), plus=True)}" if worst else ""


def _in_bps(value: Any) -> str:
    return f"{fixed(value, plus=True)} bps"


def _tile(name: str, value: str, beside: str) -> Tile:
    return Tile(name, value if not value.startswith(NONE) else NONE, beside)


def _range_words(given: Interval) -> str:
    words = interval(given.lower, given.upper, digits=2)
    return "no interval yet" if words == NONE else f"90 %: {words}"


def _carried(totals: Section) -> float | None:
    carry, opening = totals.parts["carry"].bps, totals.parts["opening"].bps
    return None if carry is None or opening is None else carry + opening


def _without_carry(totals: Section) -> float | None:
    net, carried = totals.net_bps, _carried(totals)
    return None if net is None or carried is None else net - carried


def _carry_share(totals: Section) -> str:
    share = totals.carry_share_of_net
    return "carry share of net unknown" if share is None else f"carry is {percent(share)} of net"


def carry_words(totals: Section) -> CarryWords:
    """Say how much of the net is carry, and how to read it."""
    net, carried, share = totals.net_bps, _carried(totals), totals.carry_share_of_net
    markout, error = totals.markout_30s.net_bps, totals.markout_30s.net_se_bps
    if net is None or carried is None:
        return CarryWords("open", "There are no fills, so there is no net to divide.")
    beside = f"the 30-s markout net is {fixed(markout, plus=True)} ± {num(error)} bps"
    if share is None:
        return CarryWords("open", f"The net is zero; carry is {_in_bps(carried)} and {beside}.")
    if share <= -HIDDEN_CARRY:
        reading = "what the position did after each fill's first second hides most of what the fills did"
    elif share >= HIDDEN_CARRY:
        reading = "most of it is what the position did after each fill's first second, luck before it is edge"
    else:
        reading = "the result is made by the fills, not by the position held after them"
    return CarryWords(
        "warn" if abs(share) >= HIDDEN_CARRY else "open",
        f"Carry is {_in_bps(carried)}, {percent(share)} of the net of {_in_bps(net)}: {reading}."
        f" Without it the net is {_in_bps(net - carried)}; {beside}.",
    )


def components(totals: Section) -> list[ComponentRow]:
    """Give each component with its share in bps and quote currency and its interval where there is one."""
    named = {
        **PARTS,
        "inventory": ("inventory: adverse 1 s, carry, opening, funding", "carry"),
        "net": ("net", "net"),
    }
    return [
        ComponentRow(
            name=named[name][0],
            tint=named[name][1],
            total=name in ("inventory", "net"),
            bps=fixed(part.bps, digits=3, plus=True),
            quote=fixed(part.quote, plus=True),
            interval=_interval_of(totals, f"{name}_bps"),
        )
        for name, part in totals.parts.items()
    ]


def _interval_of(totals: Section, name: str) -> str:
    given = totals.intervals.get(name)
    return NONE if given is None else interval(given.lower, given.upper, digits=3)
