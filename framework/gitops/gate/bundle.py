"""Evidence bundles: a gate's verdict with everything it rests on, by digest, so that it can be run again.

``<id>/bundle.json`` names the inputs (commits, settings, policy, tapes and how to open them, models, seed,
code, the attempts that had been made), ``<id>/reports/`` holds what came out. The id is the digest of the
inputs; ``seal`` is the digest of the rest of the file, reports included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json, read_text, sha256_of, write_atomic, write_json
from framework.gates.paired import GATE_VERSION
from framework.gitops.change.report import ChangeReport
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.alpha_budget import Attempt
from framework.gitops.gate.answer import GateAnswer
from framework.gitops.gate.evidence import Windows
from framework.gitops.gate.request import GateRequest

FORMAT = 1
BUNDLE = "bundle.json"


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


@dataclass(frozen=True)
class Witness:
    """When a gate judged, and what the journals said then, by environment: its attempts, its hold, and the
    promotion of what it is held at; ``grounds`` are the commits that environments were compared with which do
    not compose in the base, each with what it is; ``everything`` says that what a check does for was judged.
    """

    now: datetime
    attempts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    holds: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    promotions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    grounds: dict[str, str] = field(default_factory=dict)
    everything: bool = False


def bundle_inputs(request: GateRequest, report: Mapping[str, Any], witness: Witness) -> dict[str, Any]:
    """Name all that a report rests on by digest; when it was asked, and what the journals said then."""
    base, head, rows = request.base, request.head, report["environments"]
    return {
        "base": report["base"],
        "head": report["head"],
        "environment": request.environment,
        "at": witness.now.isoformat(),
        "gate_version": report["gate_version"],
        "code_sha": request.code_sha,
        "judged": [row["inputs"] for row in rows],
        "models": {row["environment"]: head.environment(row["environment"]).models for row in rows},
        "tapes": _tapes(base, rows),
        "attempts": witness.attempts,
        "holds": witness.holds,
        "promotions": witness.promotions,
        **({"grounds": witness.grounds} if witness.grounds else {}),
        **({"all": True} if witness.everything else {}),
    }


def bundle_id(inputs: Mapping[str, Any]) -> str:
    """Return the id of a bundle, which its verdict's entry names: the digest of its inputs."""
    return sha256_of(canonical_json(inputs))


def _tapes(base: Revision, environments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say how each tape is opened, as the base's gitops/tapes.yaml says it."""
    from framework.settings.documents import parse_yaml
    from framework.settings.gitops_files import TAPES

    path = base.root / TAPES
    rows = parse_yaml(read_text(path), where=TAPES).data.get("tapes") or {} if path.is_file() else {}
    digests = {tape["name"]: tape["digest"] for e in environments for tape in e["inputs"]["tapes"]}
    return {name: {"digest": digest, "open": rows.get(name)} for name, digest in sorted(digests.items())}


def write_bundle(report: Mapping[str, Any], inputs: Mapping[str, Any], *, markdown: str, into: Path) -> Path:
    """Write the bundle of a verdict below a folder; return its own folder.

    Raises GitopsError when the same inputs have left another result there already, FileError.
    """
    texts = {"gate.json": canonical_json(report) + "\n", "gate.md": markdown}
    bundle = {
        "format": FORMAT,
        "id": bundle_id(inputs),
        "inputs": inputs,
        "verdict": report["verdict"],
        "exit_code": report["exit_code"],
        "reports": {name: sha256_of(text) for name, text in texts.items()},
    }
    sealed = {**bundle, "seal": seal_of(bundle)}
    folder: Path = into / str(bundle["id"])[:32]
    if (folder / BUNDLE).is_file():
        if read_text(folder / BUNDLE) != canonical_json(sealed) + "\n":
            raise GitopsError(
                f"{folder}: the same inputs came to another result before; one of them is wrong"
            )
        return folder
    for name, text in texts.items():
        write_atomic(path=folder / "reports" / name, data=text)
    write_json(path=folder / BUNDLE, value=sealed)
    return folder


def bundle_of(folder: Path) -> str | None:
    """Return the id of the bundle that a gate left with the report of its folder; None without one."""
    report = sha256_of(read_text(folder / "gate.json"))
    for path in sorted((folder / "bundles").glob(f"*/{BUNDLE}")):
        bundle = json.loads(read_text(path))
        if bundle["reports"].get("gate.json") == report:
            return str(bundle["id"])
    return None


def seal_of(bundle: Mapping[str, Any]) -> str:
    return sha256_of(canonical_json(dict(bundle)))
