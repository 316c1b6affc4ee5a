"""What a head may hold at all: plain small files, whole patches, conf without tricks, signed commits."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from framework.errors import QuoteopsError
from framework.files.moments import iso_utc
from framework.gitops.change.report import ChangeReport
from framework.gitops.desired.policy import PathClass
from framework.gitops.desired.revision import Revision
from framework.gitops.repo.git import Git, check_apart, check_blob, check_path
from framework.gitops.repo.signatures import verify_commit
from framework.settings.gitops_files import POLICY, check_gitops
from framework.settings.overrides import Direction, is_expired
from framework.settings.patch import read_patch
from framework.settings.resolve import check_file


def wrong_files(head: Revision, paths: dict[str, tuple[str, ...]]) -> list[str]:
    """Name links, submodules, large files and names that lead elsewhere, where they could decide anything."""
    faults = []
    ours, git = head.files, head.git
    judged = {path for kind in (PathClass.GATE, PathClass.PARAMETERS) for path in paths.get(kind, ())}
    others = {p: b for p, b in git.files(head.sha).items() if p in judged} if judged - set(ours) else {}
    for path, blob in {**ours, **others}.items():
        try:
            check_path(path, where="head")
            check_blob(blob, where=path)
        except QuoteopsError as error:
            faults.append(str(error))
    try:
        check_apart({**ours, **others}, where="head")
    except QuoteopsError as error:
        faults.append(str(error))
    models = set(paths.get(PathClass.MODEL, ()))
    links = git.files(head.sha, *models) if models else {}
    faults += [f"{p}: is not a plain file" for p, b in links.items() if not b.mode.startswith("100")]
    return faults


def wrong_gitops(root: Path) -> list[str]:
    try:
        if check_gitops(root) == 0:
            return [f"{POLICY}: is gone; allowed a policy, changed by its owners"]
    except QuoteopsError as error:
        return [str(error)]
    return []


def wrong_patches(root: Path, changed: list[str], now: datetime) -> list[str]:
    faults = []
    for path in changed:
        file = root / path
        if not path.startswith("runtime_overrides/") or not file.is_file() or file.name.startswith("."):
            continue
        try:
            patch = read_patch(file, root=root)
        except QuoteopsError as error:
            faults.append(str(error))
            continue
        if patch.expires is not None and is_expired(patch, now):
            text = iso_utc(patch.expires, timespec="seconds")
            faults.append(
                f"{patch.document.at(('expires',))}: expires {text} is past; allowed a later moment"
            )
    return faults


def wrong_conf(root: Path, changed: list[str]) -> list[str]:
    faults = []
    for path in changed:
        if path.startswith("conf/") and path.endswith(".yaml") and (root / path).is_file():
            try:
                check_file(root / path, root=root)
            except QuoteopsError as error:
                faults.append(str(error))
    return faults


def signatures(git: Git, report: ChangeReport) -> tuple[tuple[str, ...], list[str]]:
    """Verify every commit between base and head where a tier that changes asks for signatures."""
    policy = report.policy
    tiers = {env.tier for env in report.environments if env.direction != Direction.NEUTRAL or env.judging}
    if PathClass.GATE in report.paths:
        tiers = {"sandbox", "paper", "production"}
    if not any(policy.rules(tier).signed for tier in tiers):
        return (), []
    signers: dict[str, None] = {}
    faults = []
    allowed, revoked = "\n".join(policy.signers) + "\n", "\n".join(policy.revoked_keys) + "\n"
    for sha in git.run("rev-list", f"{report.base}..{report.head}").decode().split():
        try:
            signers[verify_commit(git, sha, allowed, revoked).principal] = None
        except QuoteopsError as error:
            faults.append(str(error))
    return tuple(signers), faults
