"""The soak in words for a terminal: what is about to run, how each iteration went, summary.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.gates.comparison import FEW_FILLS
from framework.gates.comparison_text import comparison_sentence
from framework.gates.explain import matrix_lines
from framework.session.halts import halts_sentence, loss_halt_before
from framework.session.reload import TAKEN_BACK
from framework.session.switching import switch_rows, switch_sentence
from framework.settings.schema.market import TapeMarket
from framework.soak.advice import next_line, one_move
from framework.soak.figures import amount, bps, estimate, fills_words, money_words, net_words, num
from framework.soak.kpi_text import profile_lines
from framework.units import HOUR, SECOND

if TYPE_CHECKING:
    from framework.edge.routes import Estimate, GuardCall
    from framework.edge.section import Section
    from framework.session.window import ReplayWindow
    from framework.soak.baselines import ArmRow
    from framework.soak.result import SoakResult


def opening_line(result: SoakResult) -> str:
    """Say what is about to be played."""
    market, settings = result.market, result.settings
    hours = (market.boundaries[-1] - market.boundaries[0]) / HOUR
    routes = _rollout(result)
    paced = ", in real time" if settings.soak.clock == "wall" else ""
    if settings.soak.clock == "wall" and settings.soak.environment is not None:
        paced += f" and following artifacts/gitops/{settings.soak.environment}"
    return (
        f"soak: {_named(market)}, {hours:.3g} h in {market.iterations} iterations{paced}"
        f"{routes}, from {result.runtime.tape.tape}, {fee_words(result)}, config {settings.config_sha[:12]}"
    )


def fee_words(result: SoakResult) -> str:
    """Say what a maker pays and who said so."""
    source = f" ({result.origin.fee_from})" if result.origin.fee_from else ""
    return f"maker fee {result.runtime.maker_fee_bps:g} bps{source}"


def _named(market: ReplayWindow) -> str:
    return f"{' and '.join(market.symbols)} on one account" if market.beside else market.symbols[0]


def _rollout(result: SoakResult) -> str:
    """Say how far a candidate is out; nothing when none is."""
    rollout = result.settings.rollout
    if rollout.mode == "canary":
        return f", canary {rollout.canary_fraction:.0%} of minutes"
    return ", the candidate alone" if rollout.mode == "full" else ""


def notices(result: SoakResult) -> list[str]:
    """Say what was asked for and is not what runs."""
    settings, lines = result.settings, []
    if settings.exchange.venue != "sim":
        lines.append(
            f"| exchange | SIM | a soak simulates {settings.exchange.venue}; nothing is sent to it |"
        )
    if settings.soak.environment is not None and settings.soak.clock != "wall":
        lines.append("| overrides | NOT FOLLOWED | a replay follows no agent; allowed soak.clock=wall |")
    if isinstance(settings.market, TapeMarket) and not result.origin.fee_chosen:
        lines.append(_unchosen_fee(result))
    if settings.signal.source == "model":
        lines.append("| signal | PROXY | no model can be loaded yet: the proxy stands in |")
    if settings.soak.auto_tune and result.untuned is not None:
        lines.append(f"| autotune | OFF | {result.untuned} |")
    return lines


def _unchosen_fee(result: SoakResult) -> str:
    """Warn that what a recorded venue charges was never said: the net is that of another fee."""
    venue, fee = result.market.tape.instrument.venue, result.runtime.maker_fee_bps
    tiers = "".join(f"exchange={name}, " for name in result.origin.tiers)
    return (
        f"| fees | NOT CHOSEN | {fee:g} bps is no tier of {venue} that anybody named;"
        f" allowed {tiers}{'or ' if tiers else ''}exchange.maker_fee_bps=N |"
    )


def iteration_line(result: SoakResult, k: int, *, changed: bool = False) -> str:
    """Say how an iteration (from 1) went and under which package, or what ``changed`` in it."""
    totals, package = result.reports[k - 1].totals, result.packages[k - 1].mapping()
    before = result.packages[k - 2].mapping() if changed and k > 1 else {}
    words = " ".join(f"{name}={value}" for name, value in package.items() if before.get(name) != value)
    lag = totals.ws_lag_p95_ms
    late = "" if lag is None else f", lag p95 {num(lag)} ms"
    first = loss_halt_before(result.gates[: k - 1])
    since = "" if first is None else f"no quoting since the loss halt in iteration {first}"
    halted = since or halts_sentence(result.gates[k - 1].halts or ())
    return (
        f"iter {k}: {result.gates[k - 1].verdict.value} net {net_words(totals, result.reports[k - 1].quote)},"
        f" {fills_words(totals.fills)}, off-target p95 {num(totals.percentiles['order_age_p95_ms'])} ms{late}"
        f"{', ' + halted if halted else ''} | {words or 'same package'}"
    )


def summary_text(result: SoakResult) -> str:
    """Give the run in a few lines: verdict, money, iterations, tuner against its placebos, what next."""
    lines = [
        *present_lines(result),
        *verdict_lines(result)[:2],
        *(iteration_line(result, k) for k in range(1, len(result.reports) + 1)),
        *verdict_lines(result)[2:],
        *closing_lines(result),
        "decision matrix:",
        *matrix_lines(result.judged.decision),
    ]
    return "".join(f"{line}\n" for line in lines)


def present_lines(result: SoakResult) -> list[str]:
    """Say first whether it is better than what runs today."""
    if not result.present:
        return []
    if result.is_present:
        return [f"better? nothing is tried: this is what runs ({result.present})"]
    if result.comparison is None:
        return [f"better? not compared: the present configuration {result.present}"]
    text = comparison_sentence(result.comparison, quote=result.reported.quote)
    return [f"better? {text}", f"present: {result.present}"]


def headline_lines(result: SoakResult) -> list[str]:
    """Say both answers once more, last, where a terminal shows them first."""
    return [*present_lines(result)[:1], f"KPI {result.judged.decides}: {verdict_lines(result)[0]}"]


def verdict_lines(result: SoakResult) -> list[str]:
    """Say how the run went, as soon as it is judged."""
    return [
        f"{result.judged.verdict.value}: {result.judged.sentence}",
        _edge_line(result),
        break_even_line(result),
        *_symbol_lines(result),
        *_pace_lines(result),
        *_reload_lines(result),
        *_route_lines(result),
    ]


def closing_lines(result: SoakResult) -> list[str]:
    """Say what it stands beside, by which rules it was judged, and what next."""
    return [
        *_arm_lines(result),
        *profile_lines(result.judged),
        switching_line(result),
        *one_move_lines(result),
        f"next: {next_line(result)}",
    ]


def one_move_lines(result: SoakResult) -> list[str]:
    """Say that one move made the loss, where one did."""
    text = one_move(windows=result.wholes, net_quote=result.totals.net_quote, quote=result.reported.quote)
    return [] if text is None else [text]


def _edge_line(result: SoakResult) -> str:
    totals = result.totals
    if totals.fills < FEW_FILLS:
        return (
            f"net {money_words(totals, result.reported.quote)} in {fills_words(totals.fills)}, turnover"
            f" {amount(totals.turnover_quote)}: fewer than {FEW_FILLS} fills give no figure in bps"
        )
    net, gross, fees, slippage, inventory = (
        bps(totals.parts[name].bps) for name in ("net", "gross", "fees_eff", "slippage", "inventory")
    )
    return (
        f"net {net} = gross {gross} + fees {fees} + slippage {slippage} + inventory {inventory};"
        f" {fills_words(totals.fills)}, turnover {amount(totals.turnover_quote)},"
        f" 30-s markout net {_markout_30s(totals)}"
    )


def break_even_line(result: SoakResult) -> str:
    """Say at which maker fee these fills would earn nothing, beside the one they were charged."""
    even = result.break_even_maker_fee_bps
    few = f"unknown: fewer than {FEW_FILLS} fills" if result.totals.fills < FEW_FILLS else None
    shown = few or ("unknown: no fill of a maker" if even is None else f"{even:.2f} bps")
    return f"break-even maker fee {shown}; {fee_words(result)}"


def _symbol_lines(result: SoakResult) -> list[str]:
    """Say what each of several symbols came to; their results add up to the account's."""
    return [
        f"symbol {one.symbol}: {one.verdict.value}, net {bps(one.totals.net_bps)},"
        f" {num(one.totals.net_quote)} {one.reported.quote} in {fills_words(one.totals.fills)},"
        f" 30-s markout net {_markout_30s(one.totals)}"
        for one in result.symbols
    ]


def _markout_30s(totals: Section) -> str:
    return estimate(totals.markout_30s.net_bps, totals.markout_30s.net_se_bps)


def _pace_lines(result: SoakResult) -> list[str]:
    totals = result.totals
    if totals.ws_lag_p95_ms is None:
        return []
    missed = totals.counters["deadline_misses"]
    deadline = result.settings.strategy.deadline_ms
    slices = f"{missed} slice{'s' * (missed != 1)}"
    return [f"lag p95 {num(totals.ws_lag_p95_ms)} ms, {slices} later than {deadline} ms"]


def _reload_lines(result: SoakResult) -> list[str]:
    """Say what became of each patch that came in mid-run, at which tape time."""
    lines = []
    for reload in result.reloads:
        minutes, seconds = divmod((reload.at_ns - result.market.start_ns) // SECOND, 60)
        what = reload.why or ", ".join(reload.fields) or "nothing changes"
        at = f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
        name = "canary taken back" if reload.result == TAKEN_BACK else f"patch {reload.result.lower()}"
        lines.append(f"{name} at {at}: {what} (config {reload.config_sha[:12]})")
    return lines


def _route_lines(result: SoakResult) -> list[str]:
    return [
        line for one in result.each for line in _routes_of(one, f"{one.symbol} " if result.symbols else "")
    ]


def _routes_of(result: SoakResult, of: str) -> list[str]:
    split = result.reported.routes
    if split is None:
        return []
    lines = [
        f"{of}route {name}: {route.minutes:.4g} min, {fills_words(route.fills)}, markout net"
        f" {_error(route.markout_net['5s'])} after 5 s, {_error(route.markout_net['30s'])} after 30 s"
        for name, route in split.routes.items()
    ]
    apart = split.difference
    less = f"{of}canary less real: {_error(apart['5s'])} after 5 s, {_error(apart['30s'])} after 30 s"
    return [*lines, less, of + guard_line(split.guard)]


def guard_line(call: GuardCall) -> str:
    """Say what the rollout guard did, or would have done."""
    if (back := call.taken_back) is not None:
        return f"guard took the candidate back after {back.after_s / 60:.4g} min ({back.reason})"
    return f"guard would roll back: {call.roll_back} ({call.reason})"


def switching_line(result: SoakResult) -> str:
    """Say which quoting profile the run calls for."""
    acted = result.settings.soak.profile_switch == "act"
    return switch_sentence(switch_rows(*result.wholes), acted=acted)


def _error(given: Estimate) -> str:
    return estimate(given.bps, given.se_bps)


def _arm_lines(result: SoakResult) -> list[str]:
    return [f"arm {row.arm}: {_arm_words(row, result)}" for row in result.arms]


def _arm_words(row: ArmRow, result: SoakResult) -> str:
    if row.same_as is not None:
        return f"the very packages of {row.same_as}"
    totals = row.totals
    if totals.fills < FEW_FILLS:
        return f"net {money_words(totals, result.reported.quote)}, {fills_words(totals.fills)}"
    return f"net {bps(totals.net_bps)}, 30-s markout net {_markout_30s(totals)}, {fills_words(totals.fills)}"
