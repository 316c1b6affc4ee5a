"""Several symbols on one account: each symbol's own result beside that of the account."""

from __future__ import annotations

from framework.edge.section import EdgeReport
from framework.session.judge import Judge
from framework.session.play import Iteration, with_routes
from framework.session.portfolio import Playable
from framework.session.provenance import runtime_of
from framework.soak.result import SoakResult


def begin_symbols(result: SoakResult) -> None:
    """Make an empty result for each of several symbols; none for a single one."""
    if not result.market.beside:
        return
    for market in result.market.each():
        runtime = runtime_of(result.settings, market)
        result.symbols.append(
            SoakResult(settings=result.settings, market=market, root=result.root, runtime=runtime)
        )


def take_symbols(result: SoakResult, played: Iteration, judge: Judge) -> None:
    """Add the next iteration of each symbol, judged by the rules of the account."""
    for one, window in zip(result.symbols, played.windows, strict=False):
        assert played.report is not None
        report = alone(played.report, window.symbol)
        one.windows.append(window)
        one.packages.append(played.package)
        one.reports.append(report)
        one.gates.append(judge.gate(report, window))


def weigh_symbols(result: SoakResult, replay: Playable, judge: Judge) -> None:
    """Judge the whole run of each symbol; its routes apart where a canary was split off."""
    for one, symbol, whole in zip(result.symbols, replay.each(), replay.wholes(), strict=False):
        one.whole, one.versions, one.market = whole, symbol.timeline.versions, symbol.market
        one.report = with_routes(alone(result.reported, whole.symbol), symbol, whole)
        one.gate = judge.gate(one.report, whole)


def alone(report: EdgeReport, symbol: str) -> EdgeReport:
    """Give the report of one of its symbols."""
    section = report.symbols[symbol]
    return EdgeReport(report.quote, report.runtime, {symbol: section}, section)
