"""Promoting: the candidate's values become the baseline's in one commit, and nothing is out any more."""

from __future__ import annotations

import re

from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.errors import GitopsError
from framework.gitops.proposal.source import Source
from framework.gitops.repo.git import Git

MODE = "rollout.mode"


def promotion_of(
    git: Git, revision: EnvironmentRevision, *, environment: str
) -> tuple[Source, dict[str, bytes | None]]:
    """Return the candidate's values, and the environment's file without it. Raises GitopsError."""
    source = _candidate_source(git, revision, environment=environment)
    return source, {_path(environment): _without_candidate(git, revision, environment=environment)}


def _candidate_source(git: Git, revision: EnvironmentRevision, *, environment: str) -> Source:
    """Return the candidate's values with why it was tried. Raises GitopsError when there is none."""
    from framework.settings.documents import parse_yaml
    from framework.settings.patch import parse_patch

    where = _path(environment)
    named = parse_yaml(_text(git, revision.commit, where), where=where).data.get("candidate")
    if named is None or revision.settings is None:
        raise GitopsError(f"{where}: names no candidate to promote; allowed candidate: PATCH")
    patch = parse_patch(_text(git, revision.commit, named), where=named, json=named.endswith(".json"))
    rollout = revision.settings.rollout
    out = f"on {rollout.canary_fraction:.0%} of units" if rollout.mode == "canary" else ""
    lines = [
        f"The candidate of `{named}`, rollout {rollout.mode} {out}".rstrip() + ":",
        *(f"- `{name}` {value}" for name, value in patch.values.items()),
    ]
    values = dict(patch.values)
    if revision.patch is not None and MODE in revision.patch.values:
        values[MODE] = "disabled"
    return Source(values, f"promotes {named}: {patch.reason}", patch.tuned_on, tuple(lines))


def _without_candidate(git: Git, revision: EnvironmentRevision, *, environment: str) -> bytes:
    """Return the environment's file with nothing out and no candidate; comments and formatting stay."""
    from framework.settings.documents import parse_yaml

    where = _path(environment)
    text = _text(git, revision.commit, where)
    for key, value in (("rollout", "disabled"), ("candidate", "null")):
        text = re.sub(rf"^({key}: *)[^\s#]+", rf"\g<1>{value}", text, count=1, flags=re.MULTILINE)
    data = parse_yaml(text, where=where).data
    if (data.get("rollout", "disabled"), data.get("candidate")) != ("disabled", None):
        raise GitopsError(f"{where}: is written in a way that cannot be changed in place; edit it by hand")
    return text.encode()


def _path(environment: str) -> str:
    """Return the path of an environment's file in the repository."""
    return f"gitops/environments/{environment}.yaml"


def _text(git: Git, commit: str, path: str) -> str:
    text = git.show(commit, path)
    if text is None:
        raise GitopsError(f"{commit[:12]}: holds no {path}")
    return text.decode()
