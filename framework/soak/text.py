"""The soak in words: summary.txt for a terminal, SOAK_RESULTS.md for a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from framework.gates.comparison import FEW_FILLS
from framework.gates.comparison_text import comparison_sentence
from framework.gates.explain import matrix_lines
from framework.session.halts import halts_sentence, loss_halt_before
from framework.session.reload import TAKEN_BACK
from framework.session.switching import switch_rows, switch_sentence
from framework.settings.schema.market import TapeMarket
from framework.soak.advice import next_line, one_move
from framework.soak.kpi_text import profile_lines, profile_table

if TYPE_CHECKING:
    from framework.edge.routes import Estimate, GuardCall, RouteSplit
    from framework.edge.section import Section
    from framework.session.window import ReplayWindow
    from framework.soak.baselines import ArmRow
    from framework.soak.result import SoakResult


def opening_line(result: SoakResult) -> str:
    """Say what is about to be played."""
    market, settings = result.market, result.settings
    hours = (market.boundaries[-1] - market.boundaries[0]) / 3.6e12
    routes = _rollout(result)
    paced = ", in real time" if settings.soak.clock == "wall" else ""
    if settings.soak.clock == "wall" and settings.soak.environment is not None:
        paced += f" and following artifacts/gitops/{settings.soak.environment}"
    return (
        f"soak: {_named(market)}, {hours:.3g} h in {market.iterations} iterations{paced}"
        f"{routes}, from {result.runtime['tape']}, {fee_words(result)}, config {settings.config_sha[:12]}"
    )


def fee_words(result: SoakResult) -> str:
    """Say what a maker pays and who said so."""
    said = f" ({result.origin.fee_from})" if result.origin.fee_from else ""
    return f"maker fee {result.runtime['maker_fee_bps']:g} bps{said}"


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
    venue, fee = result.market.tape.instrument.venue, result.runtime["maker_fee_bps"]
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
    late = "" if lag is None else f", lag p95 {_num(lag)} ms"
    first = loss_halt_before(result.gates[: k - 1])
    since = "" if first is None else f"no quoting since the loss halt in iteration {first}"
    halted = since or halts_sentence(result.gates[k - 1].halts or ())
    return (
        f"iter {k}: {result.gates[k - 1].verdict.value} net {_net(totals, result.reports[k - 1].quote)},"
        f" {_fills(totals.fills)}, off-target p95 {_num(totals.percentiles['order_age_p95_ms'])} ms{late}"
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
    said = comparison_sentence(result.comparison, quote=result.reported.quote)
    return [f"better? {said}", f"present: {result.present}"]


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
        _switching(result),
        *one_move_lines(result),
        f"next: {next_line(result)}",
    ]


def one_move_lines(result: SoakResult) -> list[str]:
    """Say that one move made the loss, where one did."""
    said = one_move(windows=result.wholes, net_quote=result.totals.net_quote, quote=result.reported.quote)
    return [] if said is None else [said]


def _edge_line(result: SoakResult) -> str:
    totals = result.totals
    if totals.fills < FEW_FILLS:
        return (
            f"net {_money(totals, result.reported.quote)} in {_fills(totals.fills)}, turnover"
            f" {_amount(totals.turnover_quote)}: fewer than {FEW_FILLS} fills give no figure in bps"
        )
    net, gross, fees, slippage, inventory = (
        _bps(totals.parts[name].bps) for name in ("net", "gross", "fees_eff", "slippage", "inventory")
    )
    return (
        f"net {net} = gross {gross} + fees {fees} + slippage {slippage} + inventory {inventory};"
        f" {_fills(totals.fills)}, turnover {_amount(totals.turnover_quote)},"
        f" 30-s markout net {_markout_30s(totals)}"
    )


def _net(totals: Section, quote: str) -> str:
    """Write a net in bps, in money where few fills make it luck."""
    return _money(totals, quote) if totals.fills < FEW_FILLS else _bps(totals.net_bps)


def _money(totals: Section, quote: str) -> str:
    return f"{_num(totals.net_quote)} {quote}"


def break_even_line(result: SoakResult) -> str:
    """Say at which maker fee these fills would earn nothing, beside the one they were charged."""
    even = result.break_even_maker_fee_bps
    few = f"unknown: fewer than {FEW_FILLS} fills" if result.totals.fills < FEW_FILLS else None
    found = few or ("unknown: no fill of a maker" if even is None else f"{even:.2f} bps")
    return f"break-even maker fee {found}; {fee_words(result)}"


def _symbol_lines(result: SoakResult) -> list[str]:
    """Say what each of several symbols came to; their results add up to the account's."""
    return [
        f"symbol {one.symbol}: {one.verdict.value}, net {_bps(one.totals.net_bps)},"
        f" {_num(one.totals.net_quote)} {one.reported.quote} in {_fills(one.totals.fills)},"
        f" 30-s markout net {_markout_30s(one.totals)}"
        for one in result.symbols
    ]


def _markout_30s(totals: Section) -> str:
    return _estimate(totals.markout_30s.net_bps, totals.markout_30s.net_se_bps)


def _pace_lines(result: SoakResult) -> list[str]:
    totals = result.totals
    if totals.ws_lag_p95_ms is None:
        return []
    missed = totals.counters["deadline_misses"]
    deadline = result.settings.strategy.deadline_ms
    return [f"lag p95 {_num(totals.ws_lag_p95_ms)} ms, {missed} slices later than {deadline} ms"]


def _reload_lines(result: SoakResult) -> list[str]:
    """Say what became of each patch that came in mid-run, at which tape time."""
    lines = []
    for reload in result.reloads:
        minutes, seconds = divmod((reload.at_ns - result.market.start_ns) // 10**9, 60)
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
        f"{of}route {name}: {route.minutes:.4g} min, {_fills(route.fills)}, markout net"
        f" {_error(route.markout_net['5s'])} after 5 s, {_error(route.markout_net['30s'])} after 30 s"
        for name, route in split.routes.items()
    ]
    apart = split.difference
    less = f"{of}canary less real: {_error(apart['5s'])} after 5 s, {_error(apart['30s'])} after 30 s"
    return [*lines, less, of + _guard(split.guard)]


def _guard(call: GuardCall) -> str:
    if (back := call.taken_back) is not None:
        return f"guard took the candidate back after {back.after_s / 60:.4g} min ({back.reason})"
    return f"guard would roll back: {call.roll_back} ({call.reason})"


def _switching(result: SoakResult) -> str:
    acted = result.settings.soak.profile_switch == "act"
    return switch_sentence(switch_rows(*result.wholes), acted=acted)


def _error(given: Estimate) -> str:
    return _estimate(given.bps, given.se_bps)


def _arm_lines(result: SoakResult) -> list[str]:
    return [f"arm {row.arm}: {_arm_words(row, result)}" for row in result.arms]


def _arm_words(row: ArmRow, result: SoakResult) -> str:
    if row.same_as is not None:
        return f"the very packages of {row.same_as}"
    totals = row.totals
    if totals.fills < FEW_FILLS:
        return f"net {_money(totals, result.reported.quote)}, {_fills(totals.fills)}"
    return f"net {_bps(totals.net_bps)}, 30-s markout net {_markout_30s(totals)}, {_fills(totals.fills)}"


def results_markdown(result: SoakResult) -> str:
    """Give the run as Markdown: verdict, both profiles side by side, edge, iterations, tuner."""
    gate, totals, runtime = result.judged, result.totals, result.runtime
    parts = [
        f"# Soak: {gate.verdict.value}",
        *present_lines(result),
        gate.sentence,
        f"Tape {runtime['tape']}, {totals.hours:.3g} h, {runtime['iterations']} iterations,"
        f" {fee_words(result)}, config {runtime['config_sha'][:12]}.",
        f"{break_even_line(result).capitalize()}.",
        "## KPI profiles",
        _table(*profile_table(gate)),
        "## Edge",
        _edge_table(totals),
        "## Iterations",
        _iterations(result),
    ]
    if result.symbols:
        parts += ["## Symbols", _symbols(result)]
    for one in result.each:
        if (split := one.reported.routes) is not None:
            of = f" of {one.symbol}" if result.symbols else ""
            parts += [f"## Routes{of}", _routes(split), _guard(split.guard)]
    if result.arms:
        parts += ["## Tuned against not tuning", _arms(result.arms)]
    matrix = "\n".join(matrix_lines(gate.decision))
    parts += ["## Quoting profile", _switching(result)]
    parts += [
        "## Next",
        *one_move_lines(result),
        next_line(result),
        f"Decision matrix:\n\n```\n{matrix}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _edge_table(totals: Section) -> str:
    rows = [[name, _num(part.bps), _num(part.quote)] for name, part in totals.parts.items()]
    return _table(["component", "bps", "quote"], rows)


def _symbols(result: SoakResult) -> str:
    quote = result.reported.quote
    head = ["symbol", "verdict", "net bps", f"net {quote}", "gross", "slippage", "inventory", "fills"]
    named = [(one.symbol, one.verdict.value, one.totals) for one in result.symbols]
    rows = [
        [
            name, verdict, _num(t.net_bps), _num(t.net_quote),
            *(_num(t.parts[part].bps) for part in ("gross", "slippage", "inventory")), str(t.fills),
        ]
        for name, verdict, t in [*named, ("the account", result.verdict.value, result.totals)]
    ]  # fmt: skip
    return _table(head, rows)


def _iterations(result: SoakResult) -> str:
    head = ["iter", "verdict", "net bps", "gross", "slippage", "inventory", "fills", "off-target p95 ms"]
    rows = []
    for k, report in enumerate(result.reports, start=1):
        totals = report.totals
        values = [_num(totals.parts[name].bps) for name in ("net", "gross", "slippage", "inventory")]
        verdict, age = result.gates[k - 1].verdict.value, _num(totals.percentiles["order_age_p95_ms"])
        rows.append([str(k), verdict, *values, str(totals.fills), age])
    return _table(head, rows)


def _routes(split: RouteSplit) -> str:
    head = ["route", "minutes", "fills", "turnover", "5-s markout net bps", "±", "30-s markout net bps", "±"]
    rows = [
        [
            name,
            _num(route.minutes),
            str(route.fills),
            _num(route.turnover_quote),
            *_markouts(route.markout_net),
        ]
        for name, route in split.routes.items()
    ]
    return _table(head, [*rows, ["canary less real", "", "", "", *_markouts(split.difference)]])


def _markouts(given: Mapping[str, Estimate]) -> list[str]:
    return [_num(x) for horizon in ("5s", "30s") for x in (given[horizon].bps, given[horizon].se_bps)]


def _arms(arms: Sequence[ArmRow]) -> str:
    head = ["arm", "net bps", "30-s markout net bps", "±", "fills", "turnover"]
    rows = [
        [
            row.arm, _num(row.totals.net_bps), _num(row.totals.markout_30s.net_bps),
            _num(row.totals.markout_30s.net_se_bps), str(row.totals.fills), _num(row.totals.turnover_quote),
        ]
        for row in arms
    ]  # fmt: skip
    return _table(head, rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _fills(count: int) -> str:
    return "1 fill" if count == 1 else f"{count} fills"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _bps(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} bps"


def _estimate(value: float | None, se: float | None) -> str:
    return "unknown" if value is None else f"{_bps(value)} ± {'–' if se is None else f'{se:.2f}'}"


def _num(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
