"""A gate's report as people read it: one sentence, then a table of metrics, regimes and KPI profiles."""

from __future__ import annotations

from collections.abc import Sequence

from framework.gates.explain import hours_words
from framework.gates.paired_metrics import METRICS, Effect
from framework.gates.paired_verdict import Outcome
from framework.gitops.gate.answer import EffectRow, SymbolVerdict
from framework.gitops.gate.report import GateReport, Judged
from framework.gitops.gate.two_answers import answer_lines
from framework.settings.validate import shown_value

COLUMNS = ("metric", "baseline", "candidate", "effect", "interval", "margin", "power", "more tape")

KEYS = ("value", "from", "to", "risk", "symbol", "does", "interval")


LEGEND = (
    "effect: candidate less baseline; interval: where it lies but for {alpha:.3g} on either side, open: too",
    "little tape for one, or too much of it in one block; margin: what it may be worse by; power: how surely",
    "a change that does nothing would be proven so; more tape: what would decide it",
)


def gate_lines(report: GateReport, *, columns: int | None = None) -> list[str]:
    """Return the lines for a terminal of so many columns, the verdict last."""
    lines = [f"{report.base[:12]} -> {report.head[:12]} ({report.classification})"]
    for one in report.environments:
        lines += ["", _title(one)]
        lines += [f"  {line}" for line in answer_lines(one.answer, alpha=one.inputs.alpha)]
        for name, symbol in one.answer.symbols.items():
            lines += _table(name, symbol, columns)
        if one.answer.symbols:
            lines += [f"    {line.format(alpha=one.inputs.alpha)}" for line in _folded(LEGEND, columns)]
        if one.answer.keys:
            lines += ["  each value alone", *_fitted((KEYS, *_keys(one)), columns, head=1)]
        lines += [f"  note: {note}" for note in one.answer.notes]
    lines += ["", *(f"note: {note}" for note in report.notes)] if report.notes else []
    return [*lines, "", f"{_words(report.outcome)}: {report.sentence}"]


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def gate_markdown(report: GateReport) -> str:
    """Return the summary for a pull request or a job; nothing of the change is taken as markup."""
    lines = ["### Paired gate", "", f"**{_words(report.outcome)}**: {_plain(report.sentence)}", ""]
    lines += [*(f"- {_plain(note)}" for note in report.notes), ""] if report.notes else []
    for one in report.environments:
        lines += [f"#### {_plain(_title(one))}", ""]
        lines += [f"- {_plain(line)}" for line in answer_lines(one.answer, alpha=one.inputs.alpha)]
        for finding in one.answer.findings:
            lines += [f"- {finding.outcome.value} `{finding.code}`: {_plain(finding.says)}"]
        lines += [f"- {_plain(note)}" for note in one.answer.notes]
        for name, symbol in one.answer.symbols.items():
            lines += ["", f"**{_plain(name)}**, {symbol.hours:.1f} h of tape", ""]
            lines += _markdown_table(COLUMNS, [_row(e) for e in symbol.effects.values()])
            mixed = {"as its routes trade": symbol.routes["net"]} if symbol.routes else {}
            apart = {**symbol.regimes, **symbol.tapes, **mixed}
            rows = [(key, *_row(e)[3:5], f"{e.effect.claim.n_eff:.0f}") for key, e in apart.items()]
            lines += ["", *_markdown_table(("net by regime and tape", "effect", "interval", "n_eff"), rows)]
        if one.answer.keys:
            lines += ["", "Each value alone:", "", *_markdown_table(KEYS, _keys(one))]
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


def _table(name: str, symbol: SymbolVerdict, columns: int | None) -> list[str]:
    rows = (COLUMNS, *(_row(e) for e in symbol.effects.values()))
    blocks = symbol.better.effect.claim.n
    of = (
        f" in {blocks} blocks of {symbol.hours * 3600.0 / blocks:.0f} s, turnover is a block's"
        if blocks
        else ""
    )
    return [f"  {name}, {symbol.hours:.1f} h of tape{of}", *_fitted(rows, columns, head=4)]


def _fitted(rows: Sequence[tuple[str, ...]], columns: int | None, *, head: int) -> list[str]:
    """Return a table, indented; where it is too wide, each row as two lines, the second from ``head`` on."""
    lines = [f"    {line}" for line in _columns(rows)]
    if columns is None or max(map(len, lines)) <= columns:
        return lines
    first = [f"    {line}" for line in _columns([row[:head] for row in rows])]
    rest = [
        ", ".join(
            f"{name} {cell}" for name, cell in zip(rows[0][head:], row[head:], strict=True) if cell != "-"
        )
        for row in rows[1:]
    ]
    return [
        first[0],
        *(line for one, more in zip(first[1:], rest, strict=True) for line in (one, f"      {more}")),
    ]


def _folded(lines: Sequence[str], columns: int | None) -> list[str]:
    """Return a paragraph of lines as one where a terminal folds it."""
    return list(lines) if columns is None else [" ".join(lines)]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]


def _keys(one: Judged) -> list[tuple[str, ...]]:
    """Return what each value of a change does by itself, a row a symbol."""
    rows = list[tuple[str, ...]]()
    for key in one.answer.keys:
        change = key.change
        head = (change.name, shown_value(change.old), shown_value(change.new), str(change.effect))
        does = "not known" if key.seen is None else "nothing"
        if not key.seen:
            rows.append((*head, "-", does, "-"))
            continue
        for symbol, net in key.net.items():
            rows.append((*head, symbol, f"net {_change(net, net.effect)} {net.unit}", _interval(net)))
    return rows


def _interval(e: Effect) -> str:
    return "open" if e.low is None else f"{_change(e, e.low)} to {_change(e, e.high)}"


def _row(row: EffectRow) -> tuple[str, ...]:
    e = row.effect
    name = METRICS[e.metric].label
    label = f"{name}, {e.unit}" if e.unit else name
    return (
        label,
        _value(e.base),
        _value(e.candidate),
        _change(e, e.effect),
        _interval(e),
        f"{e.margin:.0%}" if e.relative else f"{e.margin:.3g}",
        "-" if e.claim.power is None else f"{e.claim.power:.0%}",
        _more(row.hours_needed),
    )


def _more(hours: float | None) -> str:
    if hours is None:
        return "unknown"
    return "-" if not hours else hours_words(hours)


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _change(e: Effect, value: float | None) -> str:
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
