"""A gate's report: what was judged in each environment, and what it leaves in a journal.

And the same as people read it: one sentence, then a table of metrics, regimes and KPI profiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from framework.edge.canonical import canonical
from framework.files.atomic import canonical_json, sha256_of
from framework.gates.comparison_text import signed
from framework.gates.explain import hours_words
from framework.gates.paired import GATE_VERSION
from framework.gates.paired_metrics import METRICS, Effect
from framework.gates.paired_verdict import Outcome
from framework.gitops.change.report import EnvironmentChange
from framework.gitops.gate.alpha_budget import Allowance, Attempt, attempt_entry
from framework.gitops.gate.answer import EffectRow, GateAnswer, SymbolVerdict
from framework.gitops.gate.bundle import GateInputs
from framework.journal.entry import Kind
from framework.settings.validate import shown_value

JournalRow = tuple[Kind, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The answer to one environment, what it rests on, and the alpha it was given of the policy's."""

    answer: GateAnswer
    inputs: GateInputs
    attempt: Attempt
    given: Allowance
    policy_alpha: float

    @property
    def environment(self) -> str:
        """Return the environment's name."""
        return self.answer.change.name

    @property
    def journal(self) -> list[JournalRow]:
        """Return what it leaves in a journal: the attempt, unless it is repeated, and the verdict."""
        rows = [(Kind.VERDICT, self.verdict_entry())]
        if not self.given.repeated:
            rows.insert(0, (Kind.ATTEMPT, attempt_entry(self.attempt, self.given)))
        return [(kind, canonical(data)) for kind, data in rows]

    def verdict_entry(self) -> dict[str, Any]:
        """Return the data of the VERDICT entry; ``report`` is the digest of all that was found."""
        return {
            "subject": "gate",
            "attempt": self.inputs.attempt,
            "environment": self.environment,
            "commit": self.inputs.head.commit,
            "config_sha": self.inputs.head.config_sha,
            "verdict": self.answer.outcome.value,
            "sentence": self.answer.sentence,
            "report": report_sha(self.found()),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**self.found(), "journal": [{"kind": str(kind), "data": data} for kind, data in self.journal]}

    def found(self) -> dict[str, Any]:
        """Return what was found, as plain data: all but what is written down of it."""
        return {
            **self.answer.as_dict(),
            "inputs": asdict(self.inputs),
            "budget": {
                "alpha": self.inputs.alpha,
                "policy_alpha": self.policy_alpha,
                "given": self.given.alpha,
                "left": self.given.left,
                "quarter": self.given.quarter,
                "attempt": self.given.number,
                "repeated": self.given.repeated,
            },
        }


def report_sha(environment: Mapping[str, Any]) -> str:
    """Return the digest of what a report found of one environment, as a VERDICT entry names it."""
    result = {name: value for name, value in environment.items() if name != "journal"}
    return sha256_of(canonical_json(canonical(result)))


@dataclass(frozen=True, kw_only=True)
class ChangedEnvironment:
    """What a change is to one environment, in short."""

    environment: str
    base_config_sha: str | None
    head_config_sha: str | None
    direction: str
    needs: str


def changed_of(change: EnvironmentChange) -> ChangedEnvironment:
    """Say in short what a change is to one environment."""
    return ChangedEnvironment(
        environment=change.name,
        base_config_sha=None if change.base is None else change.base.config_sha,
        head_config_sha=None if change.head is None else change.head.config_sha,
        direction=str(change.direction),
        needs=change.needs,
    )


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """The verdict of a gate with all that says so: the same bytes for the same inputs."""

    base: str
    head: str
    classification: str
    outcome: Outcome
    sentence: str
    changed: tuple[ChangedEnvironment, ...] = ()
    environments: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()
    """What stood in for a base that does not compose in an environment."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, numbers as reports carry them."""
        plain: dict[str, Any] = canonical(
            {
                "gate_version": GATE_VERSION,
                "base": self.base,
                "head": self.head,
                "classification": self.classification,
                "verdict": self.outcome.value,
                "exit_code": self.outcome.exit_code,
                "sentence": self.sentence,
                "changed": [asdict(change) for change in self.changed],
                "environments": [one.as_dict() for one in self.environments],
                **({"notes": list(self.notes)} if self.notes else {}),
            }
        )
        return plain


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
        lines += [f"  {line}" for line in _two_answers(one.answer, alpha=one.inputs.alpha)]
        for name, symbol in one.answer.symbols.items():
            lines += _table(name, symbol, columns)
        if one.answer.symbols:
            lines += [f"    {line.format(alpha=one.inputs.alpha)}" for line in _folded(LEGEND, columns)]
        if one.answer.keys:
            lines += ["  each value alone", *_fitted((KEYS, *_keys(one)), columns, head=1)]
        lines += [f"  note: {note}" for note in one.answer.notes]
    lines += ["", *(f"note: {note}" for note in report.notes)] if report.notes else []
    return [*lines, "", f"{_words(report.outcome)}: {_sentence(report)}"]


def _sentence(report: GateReport) -> str:
    return report.sentence.removeprefix("not judged, ")


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def gate_markdown(report: GateReport) -> str:
    """Return the summary for a pull request or a job; nothing of the change is taken as markup."""
    lines = ["### Paired gate", "", f"**{_words(report.outcome)}**: {_plain(_sentence(report))}", ""]
    lines += [*(f"- {_plain(note)}" for note in report.notes), ""] if report.notes else []
    for one in report.environments:
        lines += [f"#### {_plain(_title(one))}", ""]
        lines += [f"- {_plain(line)}" for line in _two_answers(one.answer, alpha=one.inputs.alpha)]
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


def _two_answers(answer: GateAnswer, *, alpha: float) -> list[str]:
    """Say apart whether it is better than what runs, by symbol, and whether it meets the KPI, by tape."""
    lines = [f"better? {name}: {_better(symbol, alpha)}" for name, symbol in answer.symbols.items()]
    deciding = [row for row in answer.kpi if row.decides]
    verdicts = [f"{row.candidate.value} on {row.tape} (baseline {row.base.value})" for row in deciding]
    return [*lines, *_meets(deciding[0].profile if deciding else "", verdicts)]


def _better(symbol: SymbolVerdict, alpha: float) -> str:
    if symbol.identical:
        return "NO EFFECT, every fill and request is the same"
    effect, claim = symbol.better.effect, symbol.better.effect.claim
    turnover = symbol.effects["turnover"].effect
    if effect.effect is None or turnover.base is None or not claim.n:
        return "NOT PROVEN, nothing was measured"
    word = "BETTER" if claim.above(alpha=alpha) else "WORSE" if claim.below(alpha=alpha) else "NOT PROVEN"
    a_day = turnover.base * claim.n * 24.0 / symbol.hours / 1e4
    bounds = (effect.low, effect.high)
    kept = "" if turnover.effect is None else f", turnover {1.0 + turnover.effect:.0%} of the baseline's"
    return (
        f"{word} {_bounds(effect.effect, bounds, 1.0)} bps,"
        f" {_bounds(effect.effect, bounds, a_day)} in quote currency a day{kept}"
    )


def _bounds(value: float, bounds: tuple[float | None, float | None], scale: float) -> str:
    low, high = bounds
    if low is None or high is None:
        return signed(value * scale)
    return f"{signed(value * scale)} ({signed(low * scale)} to {signed(high * scale)})"


def _meets(profile: str, verdicts: Sequence[str]) -> list[str]:
    return [f"KPI {profile}: {', '.join(verdicts)}"] if verdicts else []


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
