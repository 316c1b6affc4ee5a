"""What a proposal rests on: a tuned package of a soak, the winner of a sweep, or a patch somebody wrote."""

from __future__ import annotations

from pathlib import Path

from framework.files.atomic import read_text
from framework.gitops.errors import GitopsError
from framework.gitops.proposal.soaked import TUNED, read_soak
from framework.gitops.proposal.source import RUN, Source
from framework.gitops.proposal.swept import read_swept
from framework.session.published import behind
from framework.soak.sweep.table import SWEEP


def read_source(path: Path, *, anyway: bool = False) -> Source:
    """Read a run's folder, a sweep's, a tuned package, SWEEP.json or a patch.

    Raises GitopsError for a run that is not complete and for a sweep that proved nothing; ``anyway`` takes
    the sweep's leader all the same, and the body says so.
    """
    path = behind(path)
    if path.is_dir():
        for name, read in ((SWEEP, read_swept), (RUN, read_soak)):
            if (path / name).is_file():
                return read(path, anyway)
        if path / "runtime_overrides.json" == path.parent / TUNED and (path.parent / RUN).is_file():
            return read_soak(path.parent, anyway)
        raise GitopsError(f"{path}: holds neither {SWEEP} nor {RUN}; allowed a run's or a sweep's folder")
    if path.name == SWEEP:
        return read_swept(path.parent, anyway)
    run = path.parent.parent
    if path == run / TUNED and (run / RUN).is_file():
        return read_soak(run, anyway)
    return _patch(path)


def _patch(path: Path) -> Source:
    from framework.settings.patch import parse_patch

    patch = parse_patch(read_text(path), where=str(path), json=path.suffix == ".json")
    reason = patch.reason or f"values of {path.name}"
    line = "No run stands behind these values: the gate is all the evidence there will be."
    return Source(dict(patch.values), reason, patch.tuned_on, (line,))
