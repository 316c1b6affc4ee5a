"""Nothing that adds risk is in force before it is promoted: the commands as people type them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from framework.compiled.records import interpreted
from tests.command import REPOSITORY, quoteops
from tests.gitops.repository import Repo, bare, ssh_key

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(interpreted(), reason="a gate needs the compiled code"),
    pytest.mark.skipif(os.name != "posix", reason="no platform is more than tried"),
]


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

    def push(self) -> None:
        self.repo.git("push", "--quiet", "origin", "main")

    def change(self, old: str, new: str) -> None:
        """Push a value of the environment's patch."""
        self.repo.edit(f"runtime_overrides/{self.environment}.yaml", old, new)
        self.repo.commit(f"feat: {new}")
        self.push()

    def promote(self, *words: str) -> Any:
        return quoteops("gitops", "promote", "--head", "main", *words, root=self.repo.path)

    def look(self, home: Path | None = None) -> tuple[dict[str, Any], str]:
        """Let the agent look once; give the status and what is in force."""
        home = home or self.homes[0]
        words = ("--environment", self.environment, "--home", str(home))
        quoteops("gitops", "reconcile", *words, "--remote", str(self.remote), "--once", root=home)
        done = quoteops("gitops", "status", *words, "--json", root=home)
        status: dict[str, Any] = json.loads(done.stdout)
        live = home / "artifacts" / "gitops" / self.environment / "live" / "overrides.json"
        return status, str(json.loads(live.read_text())["overrides"]) if live.is_file() else ""


def test_a_push_without_a_promotion_is_never_in_force(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "sandbox")
    _, first = desk.look()
    assert "'base_spread_bps_delta': 0.1" in first

    desk.change("base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    for _ in range(2):
        status, live = desk.look()
        assert (status["permission"]["is"], live) == ("Waiting", first)
        assert status["permission"]["why"] == "waiting for promotion"
        assert status["sync"]["is"] == "OutOfSync"

    # A second push before anybody has judged the first; both are judged now, and the content stays out.
    desk.repo.write("runtime_overrides/README.md", "words\n")
    desk.repo.commit("docs: words")
    desk.push()
    assert desk.promote("--base", "main~2").returncode in (1, 3)
    status, live = desk.look()
    assert (status["permission"]["is"], live) == ("Refused", first)

    # Half of what was refused is no tightening of what runs, whatever the commit before it said.
    desk.change("base_spread_bps_delta: 0.05", "base_spread_bps_delta: 0.08")
    assert desk.promote("--base", "main~1").returncode in (1, 3)
    status, live = desk.look()
    assert (status["permission"]["is"], live) == ("Refused", first)

    # What takes risk away from what runs asks nobody.
    desk.change("base_spread_bps_delta: 0.08", "base_spread_bps_delta: 0.2")
    status, live = desk.look()
    assert status["permission"]["is"] == "Allowed"
    assert "'base_spread_bps_delta': 0.2" in live


def test_beyond_the_sandbox_people_let_the_first_content_in_and_a_signature_each_that_follows(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, "production")
    assert desk.look()[0]["permission"]["is"] == "Waiting"
    done = desk.promote("--base", "none")
    assert "WAITING | environment=production is new" in done.stdout
    first = ("--base", "none", "--environment", "production")
    assert "counts for nothing" in desk.promote(*first).stdout
    status, live = desk.look()
    assert (status["permission"]["is"], live) == ("Waiting", "")
    assert "is not signed" in status["permission"]["why"]
    assert desk.promote(*first, "--sign", str(desk.key)).returncode == 0
    status, live = desk.look()
    assert (status["permission"]["is"], status["sync"]["is"]) == ("Allowed", "Synced")

    verified = quoteops(
        "gitops", "journal", "--environment", "production.gate", "--remote", "origin", "--verify",
        root=desk.repo.path,
    )  # fmt: skip
    assert "SIGNED: 1 by gate@example.com; 1 verdicts" in verified.stdout
    desk.change("base_spread_bps_delta: 0.20", "base_spread_bps_delta: 0.15")
    assert desk.promote("--base", "main~1", "--sign", str(desk.key)).returncode in (1, 2, 3)
    for home in (desk.homes[0], desk.home("another")):
        status, after = desk.look(home)
        assert status["permission"]["is"] == "Refused"
        assert after in (live, "")
