"""A gate's report as people read it: one sentence, then a table of metrics, regimes and KPI profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framework.gates.explain import hours_words

COLUMNS = ("metric", "baseline", "candidate", "effect", "interval", "margin", "power", "more tape")


def gate_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the lines for a terminal, the verdict last."""
    lines = [f"{report['base'][:12]} -> {report['head'][:12]} ({report['classification']})"]
    for environment in report["environments"]:
        lines += ["", _title(environment)]
        for name, symbol in environment["symbols"].items():
            lines += _table(name, symbol)
        lines += [f"  note: {note}" for note in environment["notes"]]
    return [*lines, "", f"{report['verdict']}: {report['sentence']}"]


def gate_markdown(report: Mapping[str, Any]) -> str:
    """Return the summary for a pull request or a job; nothing of the change is taken as markup."""
    lines = ["### Paired gate", "", f"**{report['verdict']}**: {_plain(report['sentence'])}", ""]
    for environment in report["environments"]:
        lines += [f"#### {_plain(_title(environment))}", ""]
        for finding in environment["findings"]:
            lines += [f"- {finding['outcome']} `{finding['code']}`: {_plain(finding['says'])}"]
        lines += [f"- {_plain(note)}" for note in environment["notes"]]
        for name, symbol in environment["symbols"].items():
            lines += ["", f"**{_plain(name)}**, {symbol['hours']:.1f} h of tape", ""]
            lines += _markdown_table(COLUMNS, [_row(e) for e in symbol["effects"].values()])
            apart = {**symbol["regimes"], **symbol["tapes"]}
            rows = [(key, *_row(e)[3:5], f"{e['effective_blocks']:.0f}") for key, e in apart.items()]
            lines += ["", *_markdown_table(("net by regime and tape", "effect", "interval", "n_eff"), rows)]
        lines += ["", *_kpi(environment)]
        budget = environment["budget"]
        lines += [
            "",
            f"alpha {budget['alpha']:.3g}: the policy's {budget['policy_alpha']:.3g}, attempt"
            f" {budget['attempt']} of {budget['quarter']} may use {budget['given']:.3g}.",
        ]
    return "\n".join(lines) + "\n"


def _title(environment: Mapping[str, Any]) -> str:
    head = f"{environment['environment']} ({environment['tier']}, net {environment['want']})"
    return f"{head}: {environment['verdict']}".replace("_", " ")


def _table(name: str, symbol: Mapping[str, Any]) -> list[str]:
    rows = [COLUMNS, *(_row(e) for e in symbol["effects"].values())]
    wide = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    return [f"  {name}, {symbol['hours']:.1f} h of tape", *(f"    {line}" for line in lines)]


def _row(e: Mapping[str, Any]) -> tuple[str, ...]:
    label = f"{e['label']}, {e['unit']}" if e["unit"] else str(e["label"])
    return (
        label,
        _value(e["base"]),
        _value(e["candidate"]),
        _change(e, e["effect"]),
        "open" if e["low"] is None else f"{_change(e, e['low'])} to {_change(e, e['high'])}",
        f"{e['margin']:.0%}" if e["relative"] else f"{e['margin']:.3g}",
        "-" if e["power"] is None else f"{e['power']:.0%}",
        _more(e),
    )


def _more(e: Mapping[str, Any]) -> str:
    if e["hours_needed"] is None:
        return "unknown"
    return "-" if not e["hours_needed"] else hours_words(e["hours_needed"])


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _change(e: Mapping[str, Any], value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:+.1%}" if e["relative"] else f"{value:+.3g}"


def _kpi(environment: Mapping[str, Any]) -> list[str]:
    if not environment["kpi"]:
        return []
    rows = [
        (
            f"{row['profile']}{' (decides)' if row['decides'] else ''}",
            row["tape"],
            row["base"],
            row["candidate"],
            ", ".join(row["reasons"]) or "-",
        )
        for row in environment["kpi"]
    ]
    return _markdown_table(("KPI profile", "tape", "baseline", "candidate", "reasons"), rows)


def _markdown_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return [*head, *(f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows)]


def _plain(text: str) -> str:
    """Escape what Markdown or HTML would act on."""
    kept = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return "".join(f"\\{c}" if c in "\\`*_{}[]|!#~@" else c for c in kept)
