"""A world for the agent: a bare remote, somebody who commits, a bot that writes bot.json, a clock."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from framework.files.atomic import write_json
from framework.files.moments import iso_utc
from framework.gitops.agent.observed import Observed
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.serve import once
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.desired.environment_revision import EnvironmentRevision, read_revision
from framework.gitops.desired.rendered import rendered_of
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import append_published
from framework.journal.entry import Entry, Kind

REPOSITORY = Path(__file__).resolve().parents[2]
START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday: no freeze window holds
PATCH = "runtime_overrides/sandbox.yaml"

_made: list[Path] = []


def patch_text(**values: Any) -> str:
    """Write a patch of the sandbox; reason, owner and expires are taken out of the values."""
    said: dict[str, Any] = {key: values.pop(key) for key in ("reason", "expires") if key in values}
    head = {"reason": "a test", "owner": "desk", **said}
    lines = [f"{key}: {value}" for key, value in head.items()]
    return "\n".join([*lines, "overrides:", *(f"  {k}: {v}" for k, v in values.items())]) + "\n"


@dataclass
class World:
    """One environment, its remote and its people."""

    folder: Path
    environment: str = "sandbox"
    now: datetime = START
    said: list[str] = field(default_factory=list)
    bootstrap: EnvironmentRevision | None = None
    promotes: bool = True
    """Whether what is pushed is promoted at once, as where every merge is judged and passes."""

    def __post_init__(self) -> None:
        self.remote = self.folder / "remote.git"
        self.home = self.folder / "home"
        self.state_dir = StateDir(self.home, self.environment)
        if not _made:
            _made.append(_template(Path(tempfile.mkdtemp(prefix="quoteops-remote-"))))
            atexit.register(shutil.rmtree, _made[0], ignore_errors=True)
        shutil.copytree(_made[0], self.remote)
        self.author = Git(self.remote)
        self.first = self.author.rev("main")
        self.agent = self.new_agent()

    # -- people ----------------------------------------------------------------------------------------------

    def commit(
        self,
        files: Mapping[str, bytes | None],
        *,
        parent: str | None = "main",
        message: str = "change\n",
        sign: Path | None = None,
    ) -> str:
        """Commit files onto the branch, or onto a parent, and move the branch there; give the commit."""
        base = self.author.rev(parent) if parent is not None else None
        sha = self.author.commit_files(base, files, message, sign)
        self.author.run("update-ref", "refs/heads/main", sha)
        if self.promotes:
            self.promote(sha)
        return sha

    def edit(self, path: str, old: str, new: str, /, **values: Any) -> str:
        """Commit an edit of a file and a patch of the sandbox together; give the commit."""
        text = (self.author.show("main", path) or b"").decode()
        assert old in text
        return self.commit({path: text.replace(old, new).encode(), PATCH: patch_text(**values).encode()})

    def promote(
        self, commit: str, kind: Kind = Kind.PROMOTED, /, *, key: Path | None = None, **more: Any
    ) -> None:
        """Let the workflow that follows a merge decide on a commit, where it composes."""
        revision = read_revision(self.author, commit=commit, environment=self.environment)
        if revision.fault:
            return
        sha = rendered_of(revision, environment=self.environment, now=self.now).config_sha
        data = {"environment": self.environment, "commit": commit, "config_sha": sha, "verdict": "PASS"}
        append_published(
            self.author, str(self.remote), f"{self.environment}.gate", [(kind, {**data, **more})],
            now=lambda: self.now, sign=key,
        )  # fmt: skip

    def ask(self, *, message: str = "change\n", **values: Any) -> str:
        """Commit a patch of the sandbox; give the commit."""
        return self.commit({PATCH: patch_text(**values).encode()}, message=message)

    # -- the agent -------------------------------------------------------------------------------------------

    def new_agent(self, **more: Any) -> Reconciler:
        """Start an agent: what it knows is on the disk."""
        seen = {name: more.pop(name) for name in ("bootstrap", "rules") if name in more}
        observer = Observer(
            self.state_dir, str(self.remote), lambda: self.now, **{"bootstrap": self.bootstrap, **seen}
        )
        return Reconciler(observer, log=self.said.append, **{"publishes": False, **more})

    def poll(self, *, after_s: float = 1.0) -> Observed:
        """Let time pass and the agent look once."""
        self.now += timedelta(seconds=after_s)
        return once(self.agent, wait_s=0.0)

    def restart(self, **more: Any) -> None:
        """Kill the agent and start another."""
        self.agent = self.new_agent(**more)

    # -- the bot ---------------------------------------------------------------------------------------------

    def bot(
        self,
        *,
        health: str = "healthy",
        refuses: str | None = None,
        follows: bool = True,
        config_sha: str | None = None,
    ) -> None:
        """Let the bot take the live file, or refuse it, and write bot.json; it may trade another config."""
        old = json.loads(self.state_dir.bot.read_text()) if self.state_dir.bot.is_file() else {}
        live = self.live_sha()
        in_force = old.get("in_force", {})
        if follows and refuses is None and in_force.get("overrides_sha") != live:
            told = json.loads(self.state_dir.live.read_text())
            in_force = {
                "overrides_sha": live,
                "config_sha": config_sha or told["config_sha"],
                "since": iso_utc(self.now),
            }
        write_json(
            path=self.state_dir.bot,
            value={
                "environment": self.environment,
                "started_at": old.get("started_at", iso_utc(self.now)),
                "heartbeat_at": iso_utc(self.now),
                "in_force": in_force,
                "pending": [],
                "refused": {"overrides_sha": live, "reason": refuses} if refuses else None,
                "health": health,
                "health_reason": "" if health == "healthy" else "loss limit",
            },
        )

    # -- what came of it -------------------------------------------------------------------------------------

    def live(self) -> dict[str, Any]:
        """Give the overrides of the live file."""
        found: dict[str, Any] = json.loads(self.state_dir.live.read_text())["overrides"]
        return found

    def live_sha(self) -> str | None:
        """Give the SHA-256 of the live file's bytes."""
        path = self.state_dir.live
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None

    def entries(self, *kinds: Kind) -> list[Entry]:
        """Give the journal, or its entries of some kinds; the chain is verified."""
        return [
            e for e in JournalView(self.state_dir.journal).journal.entries() if not kinds or e.kind in kinds
        ]

    def kinds(self) -> list[str]:
        """Give the kinds of the journal's entries."""
        return [str(entry.kind) for entry in self.entries()]


def _template(folder: Path) -> Path:
    """Make, once a process, the remote that every world begins with: the desired state of this repository."""
    git = Git.mirror(folder)
    files: dict[str, bytes | None] = {}
    for name in ("conf", "gitops", "runtime_overrides"):
        for path in sorted((REPOSITORY / name).rglob("*.yaml")):
            files[path.relative_to(REPOSITORY).as_posix()] = path.read_bytes()
    files[PATCH] = patch_text(tail_age_ms=650).encode()
    git.run("update-ref", "refs/heads/main", git.commit_files(None, files, "the first\n"))
    return folder


def keygen(folder: Path, name: str, namespaces: str = "git") -> tuple[Path, str]:
    """Make an SSH key; give its private file and its line for the policy's signers."""
    key = folder / name
    assert shutil.which("ssh-keygen")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True, timeout=20
    )
    public = key.with_suffix(".pub").read_text().split()
    return key, f'{name}@example.com namespaces="{namespaces}" {public[0]} {public[1]}'
