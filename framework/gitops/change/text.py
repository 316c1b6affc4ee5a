"""A classified change as people read it: a table and a verdict line, and Markdown for a pull request."""

from __future__ import annotations

from typing import Any

from framework.gitops.change.report import ChangeReport, EnvironmentChange
from framework.settings.documents import cut
from framework.settings.overrides import Change
from framework.settings.validate import shown_value

FILES_SHOWN = 8
COLUMNS = ("value", "from", "to", "unit", "in force", "risk")


def change_lines(report: ChangeReport) -> list[str]:
    """Return the lines of the table, the verdict last."""
    lines = [f"{report.base[:12]} -> {report.head[:12]}"]
    lines += [f"  {kind:<11}{_files(paths)}" for kind, paths in report.paths.items()]
    for change in report.environments:
        lines += ["", f"{change.name} ({change.tier}): {_summary(change)}"]
        rows = [_row(one) for one in change.changes]
        if rows:
            wide = [max(len(cell) for cell in column) for column in zip(COLUMNS, *rows, strict=True)]
            for row in (COLUMNS, *rows):
                cells = [cell.ljust(width) for cell, width in zip(row, wide, strict=True)]
                lines.append(f"  {'  '.join(cells)}".rstrip())
    lines += ["", *report.judge, *(f"refused: {refusal}" for refusal in report.refusals)]
    lines += [f"note: {note}" for note in report.notes]
    return [*lines, verdict_line(report)]


def verdict_line(report: ChangeReport) -> str:
    """Return the one line that says what comes of the change."""
    if report.refusals:
        more = len(report.refusals) - 1
        return f"REFUSED: {report.refusals[0]}" + (f" (and {more} more)" if more else "")
    asked = (
        f"; {report.approvals} approval(s) of {', '.join(report.policy.owners)}" if report.approvals else ""
    )
    if report.verdict == "gate":
        which = ", ".join(f"{c.name} ({c.direction})" for c in report.environments if c.needs == "gate")
        return f"GATE: the paired gate decides for {which}{asked}"
    if report.verdict == "check":
        which = ", ".join(f"{c.name} ({c.direction})" for c in report.environments if c.needs == "check")
        return f"OK: no further evidence is needed for {which}{asked}"
    does = next((word for word in ("loosens", "tightens", "changes") if _does(report, word)), "")
    judge = f"; it {does} the judge" if does else ""
    return f"OK: nothing that an environment runs changes ({report.classification}){judge}{asked}"


def _does(report: ChangeReport, word: str) -> bool:
    return any(line.startswith(word) for line in report.judge)


def change_markdown(report: ChangeReport) -> str:
    """Return the summary for a pull request or a job; nothing of the change is taken as markup."""
    lines = ["### What this change does", "", f"**{_plain(verdict_line(report))}**", ""]
    lines += ["| class | files |", "|---|---|"]
    lines += [f"| {kind} | {_plain(_files(paths))} |" for kind, paths in report.paths.items()]
    for change in report.environments:
        lines += ["", f"**{_plain(change.name)}** ({change.tier}): {_plain(_summary(change))}"]
        if change.changes:
            lines += ["", f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
            lines += ["| " + " | ".join(_plain(cell) for cell in _row(one)) + " |" for one in change.changes]
    for title, lines_of_it in (
        ("The judge", report.judge),
        ("Refused", report.refusals),
        ("Notes", report.notes),
    ):
        if lines_of_it:
            lines += ["", f"{title}:", "", *(f"- {_plain(line)}" for line in lines_of_it)]
    return "\n".join(lines) + "\n"


def _summary(change: EnvironmentChange) -> str:
    if change.head is None:
        return "is removed"
    if change.base is None:
        return "is new"
    needs = {"none": "", "check": ", this check is enough", "gate": f", paired gate, net {change.net}"}
    judging = f"; {', '.join(change.judging)} of its file changes" if change.judging else ""
    return f"{change.direction}{needs[change.needs]}{judging}".replace("_", " ")


def _row(change: Change) -> tuple[str, ...]:
    values: tuple[Any, ...] = (change.old, change.new)
    return (change.name, *(shown_value(value) for value in values), change.unit, change.reload, change.effect)


def _files(paths: tuple[str, ...]) -> str:
    more = len(paths) - FILES_SHOWN
    return ", ".join(cut(path) for path in paths[:FILES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _plain(text: str) -> str:
    """Escape what Markdown or HTML would act on."""
    kept = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return "".join(f"\\{c}" if c in "\\`*_{}[]|!#~@" else c for c in kept)
