"""A gate's report: what was judged in each environment, what it rests on, what it leaves in a journal; and
the same as people read it: one sentence, then a table of metrics, regimes and KPI profiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from framework.edge.canonical import canonical
from framework.files.atomic import canonical_json, sha256_of
from framework.gates.explain import hours_words
from framework.gates.paired import GATE_VERSION
from framework.gates.paired_metrics import METRICS, Effect
from framework.gates.paired_verdict import Outcome
from framework.gitops.change.report import ChangeReport, EnvironmentChange
from framework.gitops.gate.alpha_budget import Allowance, Attempt, attempt_entry
from framework.gitops.gate.answer import EffectRow, GateAnswer, SymbolVerdict, Windows
from framework.gitops.gate.two_answers import answer_lines
from framework.journal.entry import Kind
from framework.settings.validate import shown_value

JournalRow = tuple[Kind, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A commit and what an environment is in it."""

    commit: str
    config_sha: str


@dataclass(frozen=True, kw_only=True)
class InputTape:
    """A tape that was looked at, and the hours of it."""

    name: str
    digest: str
    windows_ns: Windows


@dataclass(frozen=True, kw_only=True)
class GateInputs:
    """Everything a verdict rests on, by digest; the same inputs give the same report."""

    code_sha: str | None
    environment: str
    tier: str
    base: Side
    head: Side
    compared: tuple[str, str]
    """config_sha of both configurations that were compared, which of a canary are not the two that run."""

    policy_sha: str
    kpi_sha: str
    tapes: tuple[InputTape, ...]
    seed: int
    alpha: float
    attempt: str
    gate_version: str = GATE_VERSION


def inputs_of(
    report: ChangeReport, answer: GateAnswer, attempt: Attempt, *, alpha: float, code_sha: str | None
) -> GateInputs:
    """Name by digest what one environment's answer rests on."""
    change = answer.change
    assert change.base is not None
    assert change.head is not None
    return GateInputs(
        code_sha=code_sha,
        environment=change.name,
        tier=change.tier,
        base=Side(
            commit=report.base if change.against is None else change.against.commit,
            config_sha=change.base.config_sha,
        ),
        head=Side(commit=report.head, config_sha=change.head.config_sha),
        compared=(attempt.base_config_sha, attempt.head_config_sha),
        policy_sha=sha256_of(canonical_json(report.policy.model_dump(mode="json"))),
        kpi_sha=sha256_of(canonical_json(change.base.kpi.model_dump(mode="json"))),
        tapes=tuple(
            InputTape(name=tape.evidence.tape.name, digest=tape.evidence.digest, windows_ns=tape.windows)
            for tape in answer.tapes
        ),
        seed=change.base.soak.seed,
        alpha=alpha,
        attempt=attempt.key,
    )


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
    found = {name: value for name, value in environment.items() if name != "journal"}
    return sha256_of(canonical_json(canonical(found)))


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


def gate_lines(report: GateReport) -> list[str]:
    """Return the lines for a terminal, the verdict last."""
    lines = [f"{report.base[:12]} -> {report.head[:12]} ({report.classification})"]
    for one in report.environments:
        lines += ["", _title(one)]
        lines += [f"  {line}" for line in answer_lines(one.answer, alpha=one.inputs.alpha)]
        for name, symbol in one.answer.symbols.items():
            lines += _table(name, symbol)
        if one.answer.keys:
            lines += ["  each value alone", *(f"    {line}" for line in _columns((KEYS, *_keys(one))))]
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


def _table(name: str, symbol: SymbolVerdict) -> list[str]:
    lines = _columns((COLUMNS, *(_row(e) for e in symbol.effects.values())))
    return [f"  {name}, {symbol.hours:.1f} h of tape", *(f"    {line}" for line in lines)]


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
