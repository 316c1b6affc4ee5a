"""Verify an evidence bundle: it is as it was written, a journal holds its verdict, and it comes out again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json, read_text, sha256_of
from framework.files.moments import iso_utc
from framework.gates.paired_verdict import Outcome
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.bundle import BUNDLE, FORMAT, seal_of
from framework.gitops.gate.evidence import Progress
from framework.gitops.gate.report import report_sha
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.run import WORST_FIRST, run_gate
from framework.gitops.repo.git import Git
from framework.journal.entry import Kind

REPORTS = ("gate.json", "gate.md")
KEYS = {"format", "id", "inputs", "verdict", "exit_code", "reports", "seal"}


@dataclass(frozen=True)
class Row:
    """An entry as a gate reads it."""

    seq: int
    at: str
    kind: Kind
    data: Mapping[str, Any]


def check_bundle(folder: Path, *, journal: Sequence[Any] | None = None) -> tuple[dict[str, Any], list[str]]:
    """Return a bundle and everything that is wrong with it.

    ``journal`` are the entries its verdicts must be among. Raises GitopsError when there is no bundle.
    """
    path = folder / BUNDLE
    if not path.is_file():
        near = sorted([*folder.glob(f"*/{BUNDLE}"), *folder.glob(f"bundles/*/{BUNDLE}")])
        hint = f"; did you mean {near[-1].parent}?" if near else ""
        raise GitopsError(
            f"{folder}: holds no {BUNDLE}; allowed a bundle of quoteops gitops gate --out{hint}"
        )
    text = read_text(path)
    try:
        bundle = json.loads(text)
        whole = isinstance(bundle, dict) and set(bundle) == KEYS and canonical_json(bundle) + "\n" == text
    except ValueError:
        bundle, whole = {}, False
    if not whole or bundle["format"] != FORMAT:
        return {}, [f"{BUNDLE}: is not a bundle as it was written"]
    faults = _faults(folder, bundle)
    if not faults and journal is not None:
        faults = _missing(bundle, _report(folder), journal)
    return bundle, faults


@dataclass(frozen=True)
class Replay:
    """What running a bundle's gate again came to."""

    identical: bool
    same_code: bool
    verdict: str
    differs: tuple[str, ...]
    """Paths in the report that came out otherwise."""


def replay_bundle(
    folder: Path,
    bundle: Mapping[str, Any],
    *,
    git: Git,
    home: Path,
    code_sha: str | None,
    workers: int | None = None,
    progress: Progress = lambda _doing, _share: None,
) -> Replay:
    """Run the gate of a bundle again, from git and the tapes, and compare its report byte for byte.

    Raises what the gate raises when commits or tapes are not to be had.
    """
    inputs = bundle["inputs"]

    def rows(environment: str) -> Sequence[Row]:
        attempts = inputs["attempts"].get(environment, ())
        told = [Row(n, row["at"], Kind.ATTEMPT, row["data"]) for n, row in enumerate(attempts, start=1)]
        let_in = inputs["promotions"].get(environment)
        return [*told, *([Row(len(told) + 1, inputs["at"], Kind.PROMOTED, let_in)] if let_in else [])]

    def agent_rows(environment: str) -> Sequence[Row]:
        hold = inputs["holds"].get(environment)
        return [Row(1, inputs["at"], Kind.HOLD, hold)] if hold is not None else []

    with Revision.open(git, inputs["base"]) as base, Revision.open(git, inputs["head"]) as head:
        result = run_gate(
            GateRequest(
                base=base,
                head=head,
                environment=inputs["environment"],
                home=home,
                rows=rows,
                agent_rows=agent_rows,
                now=datetime.fromisoformat(inputs["at"]),
                code_sha=inputs["code_sha"],
                workers=workers,
                everything=inputs.get("all", False),
                grounds=inputs.get("grounds", {}),
                progress=progress,
            )
        )
    text = canonical_json(result.plain) + "\n"
    old = read_text(folder / "reports" / "gate.json")
    return Replay(
        identical=text == old,
        same_code=code_sha is not None and code_sha == inputs["code_sha"],
        verdict=result.report.outcome.value,
        differs=() if text == old else tuple(_differs(json.loads(old), json.loads(text), ""))[:20],
    )


def _faults(folder: Path, bundle: Mapping[str, Any]) -> list[str]:
    faults = []
    if bundle["id"] != sha256_of(canonical_json(bundle["inputs"])):
        faults.append(f"{BUNDLE}: id is not the digest of the inputs")
    if folder.resolve().name != bundle["id"][:32]:
        faults.append(f"{folder.name}: is not the folder of bundle {bundle['id'][:32]}")
    if bundle["seal"] != seal_of({key: value for key, value in bundle.items() if key != "seal"}):
        faults.append(f"{BUNDLE}: seal is not the digest of its content")
    for name, digest in bundle["reports"].items():
        path = folder / "reports" / name
        if not path.is_file():
            faults.append(f"reports/{name}: is missing")
        elif sha256_of(path.read_bytes().decode(errors="replace")) != digest:
            faults.append(f"reports/{name}: is not what was written")
    known = {BUNDLE, *(f"reports/{name}" for name in bundle["reports"])}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    faults += [f"{name}: does not belong to the bundle" for name in sorted(present - known)]
    if set(bundle["reports"]) != set(REPORTS):
        faults.append(f"{BUNDLE}: reports are not {', '.join(REPORTS)}")
    if not faults:
        report = _report(folder)
        faults += [
            f"reports/gate.json: {key} is not the bundle's"
            for key, value in (("verdict", bundle["verdict"]), ("exit_code", bundle["exit_code"]))
            if report.get(key) != value
        ]
        faults += _sums(bundle, [environment["verdict"] for environment in report["environments"]])
        if [environment["inputs"] for environment in report["environments"]] != bundle["inputs"]["judged"]:
            faults.append("reports/gate.json: rests on other inputs than the bundle's")
    return faults


def _sums(bundle: Mapping[str, Any], verdicts: Sequence[str]) -> list[str]:
    """Say where a verdict is not the worst of its environments', or an exit code not the verdict's."""
    try:
        own = Outcome(bundle["verdict"])
        worst = min([Outcome(one) for one in verdicts] or [own], key=WORST_FIRST.index)
    except ValueError as error:
        return [f"{BUNDLE}: {error}; allowed a gate's verdicts"]
    faults = [] if own is worst else [f"{BUNDLE}: verdict is {own.value}, its environments' {worst.value}"]
    if bundle["exit_code"] != own.exit_code:
        faults.append(f"{BUNDLE}: exit code is {bundle['exit_code']}, that of {own.value} {own.exit_code}")
    return faults


def _missing(bundle: Mapping[str, Any], report: Mapping[str, Any], journal: Sequence[Any]) -> list[str]:
    """Name the verdicts that the journal does not hold, by what was asked and by what was found.

    A bundle that was made up whole has none there; one whose numbers are others has another digest.
    """
    rows = [row.data for row in journal if row.kind is Kind.VERDICT]
    let_in = [row.data for row in journal if row.kind is Kind.PROMOTED]
    faults = []
    if not report["environments"]:
        faults.append(f"{bundle['verdict']}: no environment was judged, so no journal holds it")
    for one in report["environments"]:
        told = (one["inputs"]["attempt"], report["head"], one["verdict"])
        same = [row for row in rows if tuple(row.get(key) for key in _ASKED) == told]
        of = f"{one['environment']}: the journal holds no verdict {one['verdict']} of this"
        if not same:
            faults.append(f"{of} attempt")
        elif not any(row.get("report") == report_sha(one) for row in same):
            faults.append(f"{of} report: its numbers are others")
        elif not any(row.get("bundle", bundle["id"]) == bundle["id"] for row in same):
            faults.append(f"{of} bundle: it rests on other inputs")
        faults += [
            f"{one['environment']}: the journal promotes this attempt for another report:"
            " its numbers are others"
            for row in let_in
            if (row.get("by"), row.get("commit")) == told[:2]
            and row.get("report", report_sha(one)) != report_sha(one)
        ]
    return faults


_ASKED = ("attempt", "commit", "verdict")


def _report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(read_text(folder / "reports" / "gate.json"))
    return report


def _differs(old: Any, new: Any, path: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new})
        return [p for key in keys for p in _differs(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [p for n, (a, b) in pairs for p in _differs(a, b, f"{path}[{n}]")]
    return [] if old == new else [path or "everything"]


def said_at(bundle: Mapping[str, Any]) -> str:
    """Return when the verdict was given."""
    return iso_utc(datetime.fromisoformat(bundle["inputs"]["at"]))
