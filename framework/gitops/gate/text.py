"""A gate's report as people read it: one sentence, then a table of metrics, regimes and KPI profiles."""

from __future__ import annotations

from collections.abc import Sequence

from framework.gates.explain import hours_words
from framework.gitops.gate.answer import EffectRow, SymbolVerdict
from framework.gitops.gate.report import GateReport, Judged

COLUMNS = ("metric", "baseline", "candidate", "effect", "interval", "margin", "power", "more tape")


def gate_lines(report: GateReport) -> list[str]:
    """Return the lines for a terminal, the verdict last."""
    lines = [f"{report.base[:12]} -> {report.head[:12]} ({report.classification})"]
    for one in report.environments:
        lines += ["", _title(one)]
        for name, symbol in one.answer.symbols.items():
            lines += _table(name, symbol)
        lines += [f"  note: {note}" for note in one.answer.notes]
    return [*lines, "", f"{report.outcome.value}: {report.sentence}"]


def gate_markdown(report: GateReport) -> str:
    """Return the summary for a pull request or a job; nothing of the change is taken as markup."""
    lines = ["### Paired gate", "", f"**{report.outcome.value}**: {_plain(report.sentence)}", ""]
    for one in report.environments:
        lines += [f"#### {_plain(_title(one))}", ""]
        for finding in one.answer.findings:
            lines += [f"- {finding.outcome.value} `{finding.code}`: {_plain(finding.says)}"]
        lines += [f"- {_plain(note)}" for note in one.answer.notes]
        for name, symbol in one.answer.symbols.items():
            lines += ["", f"**{_plain(name)}**, {symbol.hours:.1f} h of tape", ""]
            lines += _markdown_table(COLUMNS, [_row(e) for e in symbol.effects.values()])
            mixed = {"as its routes trade": symbol.routes["net"]} if symbol.routes else {}
            apart = {**symbol.regimes, **symbol.tapes, **mixed}
            rows = [(key, *_row(e)[3:5], f"{e.effective_blocks:.0f}") for key, e in apart.items()]
            lines += ["", *_markdown_table(("net by regime and tape", "effect", "interval", "n_eff"), rows)]
        lines += ["", *_kpi(one)]
        lines += [
            "",
            f"alpha {one.inputs.alpha:.3g}: the policy's {one.policy_alpha:.3g}, attempt"
            f" {one.given.number} of {one.given.quarter} may use {one.given.alpha:.3g}.",
        ]
    return "\n".join(lines) + "\n"


def _title(one: Judged) -> str:
    head = f"{one.environment} ({one.answer.change.tier}, net {one.answer.want})"
    return f"{head}: {one.answer.outcome.value}".replace("_", " ")


def _table(name: str, symbol: SymbolVerdict) -> list[str]:
    rows = [COLUMNS, *(_row(e) for e in symbol.effects.values())]
    wide = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    return [f"  {name}, {symbol.hours:.1f} h of tape", *(f"    {line}" for line in lines)]


def _row(e: EffectRow) -> tuple[str, ...]:
    label = f"{e.label}, {e.unit}" if e.unit else e.label
    return (
        label,
        _value(e.base),
        _value(e.candidate),
        _change(e, e.effect),
        "open" if e.low is None else f"{_change(e, e.low)} to {_change(e, e.high)}",
        f"{e.margin:.0%}" if e.relative else f"{e.margin:.3g}",
        "-" if e.power is None else f"{e.power:.0%}",
        _more(e),
    )


def _more(e: EffectRow) -> str:
    if e.hours_needed is None:
        return "unknown"
    return "-" if not e.hours_needed else hours_words(e.hours_needed)


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _change(e: EffectRow, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:+.1%}" if e.relative else f"{value:+.3g}"


def _kpi(one: Judged) -> list[str]:
    if not one.answer.kpi:
        return []
    rows = [
        (
            f"{row.profile}{' (decides)' if row.decides else ''}",
            row.tape,
            row.base.value,
            row.candidate.value,
            ", ".join(row.reasons) or "-",
        )
        for row in one.answer.kpi
    ]
    return _markdown_table(("KPI profile", "tape", "baseline", "candidate", "reasons"), rows)


def _markdown_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return [*head, *(f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows)]


def _plain(text: str) -> str:
    """Escape what Markdown or HTML would act on."""
    kept = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return "".join(f"\\{c}" if c in "\\`*_{}[]|!#~@" else c for c in kept)
