"""A desk as a test sees it: a clone that pushes, a bare remote, homes in which agents are started."""

from __future__ import annotations

import json
import shutil
from copy import copy
from pathlib import Path
from typing import Any, Self

from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import append_published
from framework.journal.entry import Kind
from tests.command import REPOSITORY, quoteops
from tests.gitops.repository import Repo, bare, ssh_key


class Desk:
    """A clone that pushes, a bare remote, and an agent's home that is a checkout of it."""

    def __init__(self, folder: Path, environment: str) -> None:
        self.environment, self.folder = environment, folder
        self.remote = bare(folder / "remote.git")
        self.key, public = ssh_key(folder / "gate")
        self.repo = Repo(folder / "clone")
        for name in ("conf", "gitops", "runtime_overrides"):
            shutil.copytree(REPOSITORY / name, self.repo.path / name)
        signer = f"signers: ['gate@example.com namespaces=\"quoteops-journal\" {public}']"
        self.repo.edit("gitops/policy.yaml", "signers: []", signer)
        self.repo.commit("the desired state")
        self.repo.git("remote", "add", "origin", str(self.remote))
        self.push()
        self.homes = [self.home("desk")]

    def home(self, name: str) -> Path:
        """Clone what an agent is started in."""
        self.repo.git("clone", "--quiet", str(self.remote), str(self.folder / name))
        return self.folder / name

    def beside(self, environment: str) -> Self:
        """Give the same desk as another environment's agent sees it."""
        other = copy(self)
        other.environment, other.homes = environment, [self.home(environment)]
        return other

    def push(self) -> None:
        """Push main."""
        self.repo.git("push", "--quiet", "origin", "main")

    def change(self, old: str, new: str, *, environment: str | None = None) -> None:
        """Push a value of an environment's patch."""
        self.repo.edit(f"runtime_overrides/{environment or self.environment}.yaml", old, new)
        self.repo.commit(f"feat: {new}")
        self.push()

    def promote(self, *words: str) -> Any:
        """Judge what main holds, as the workflow after a merge does."""
        return quoteops("gitops", "promote", "--head", "main", *words, root=self.repo.path)

    def let_in(self, config_sha: str) -> None:
        """Write the promotion that a passed gate leaves where nothing has to be signed."""
        data = {"environment": self.environment, "commit": self.repo.git("rev-parse", "main")}
        entry = (Kind.PROMOTED, {**data, "config_sha": config_sha, "verdict": "PASS"})
        append_published(Git(self.repo.path), str(self.remote), f"{self.environment}.gate", [entry])

    def verb(self, name: str, *words: str, home: Path | None = None) -> Any:
        """Run a verb of an operator in an agent's home."""
        home = home or self.homes[0]
        where = ("--environment", self.environment, "--home", str(home))
        return quoteops("gitops", name, *where, *words, root=home)

    def reconcile(self, home: Path | None = None) -> Any:
        """Let the agent look once; give the ended process."""
        return self.verb("reconcile", "--remote", str(self.remote), "--once", home=home)

    def look(self, home: Path | None = None) -> tuple[dict[str, Any], str]:
        """Let the agent look once; give the status and what is in force."""
        self.reconcile(home)
        status: dict[str, Any] = json.loads(self.verb("status", "--json", home=home).stdout)
        return status, self.live(home)

    def live(self, home: Path | None = None) -> str:
        """Give the values of the live file, or nothing."""
        path = self.state(home) / "live" / "overrides.json"
        return str(json.loads(path.read_text())["overrides"]) if path.is_file() else ""

    def state(self, home: Path | None = None) -> Path:
        """Give the folder of an agent's state."""
        return (home or self.homes[0]) / "artifacts" / "gitops" / self.environment
