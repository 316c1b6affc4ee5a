"""Real git repositories in a temporary folder: a person's clone, bare remotes, SSH keys."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from framework.gitops.change.classify import classify
from framework.gitops.change.report import ChangeReport
from framework.gitops.desired.revision import Revision
from framework.gitops.repo.git import Git

ROOT = Path(__file__).resolve().parents[2]
DESIRED = ("conf", "runtime_overrides", "gitops")
WHO = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")


def clean_environment() -> dict[str, str]:
    """Give this process's environment without what would lead git to another repository or configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Repo:
    """A person's clone: files are edited in its worktree and committed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *args: str) -> str:
        """Run git as the person, and return what it said."""
        done = subprocess.run(
            ["git", *WHO, *args],
            cwd=self.path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
        return done.stdout.strip()

    def write(self, name: str, text: str | bytes) -> None:
        """Write a file of the worktree."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a piece of a file; the piece must be there."""
        text = (self.path / name).read_text("utf-8")
        assert old in text, f"{name}: {old!r} is not there"
        self.write(name, text.replace(old, new))

    def commit(self, message: str = "change", *, key: Path | None = None) -> str:
        """Commit everything, signed by an SSH key when one is given; return the commit."""
        signed = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"] if key else []
        self.git("add", "--all")
        self.git(*signed, "commit", "--quiet", *(["-S"] if key else []), "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def begun(self) -> str:
        """Make what is here the first commit there ever was: nothing before it counts."""
        self.git("update-ref", "-d", "HEAD")
        return self.commit("the desired state")

    def committed(self, files: Mapping[str, str]) -> str:
        """Write files and commit them."""
        for name, text in files.items():
            self.write(name, text)
        return self.commit()

    @property
    def reader(self) -> Git:
        """The repository as the framework reads it."""
        return Git(self.path)


def desired_state(path: Path) -> Repo:
    """Make a repository that holds this project's own conf/, runtime_overrides/ and gitops/."""
    repo = Repo(path)
    for name in DESIRED:
        shutil.copytree(ROOT / name, path / name)
    repo.commit("the desired state")
    return repo


def classified(
    git: Git, base: str, head: str, environment: str | None = None, *, now: datetime | None = None
) -> ChangeReport:
    """Classify the change between two commits, or names of commits."""
    with Revision.open(git, base) as old, Revision.open(git, head) as new:
        return classify(old, new, environment, now=now)


def bare(path: Path) -> Path:
    """Make an empty remote."""
    path.mkdir(parents=True)
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)],
        env=clean_environment(),
        timeout=30,
        check=True,
    )
    return path


def ssh_key(path: Path) -> tuple[Path, str]:
    """Make an SSH key without a passphrase; return it and its public half."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], timeout=30, check=True
    )
    return path, " ".join(path.with_suffix(".pub").read_text().split()[:2])
