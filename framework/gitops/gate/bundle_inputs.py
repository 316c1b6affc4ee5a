"""What a verdict rests on, by digest, and the id that this gives its evidence bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from framework.files.atomic import canonical_json, read_text, sha256_of
from framework.gitops.desired.revision import Revision


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


def bundle_inputs(
    base: Revision,
    head: Revision,
    report: Mapping[str, Any],
    witness: Witness,
    *,
    environment: str | None,
    code_sha: str | None,
) -> dict[str, Any]:
    """Name all that a report rests on by digest; when it was asked, and what the journals said then."""
    rows = report["environments"]
    return {
        "base": report["base"],
        "head": report["head"],
        "environment": environment,
        "at": witness.now.isoformat(),
        "gate_version": report["gate_version"],
        "code_sha": code_sha,
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
