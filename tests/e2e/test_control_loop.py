"""The whole loop as a team runs it: a person's clone, a bare remote, the workflows' own steps, agent and bot.

Everything is real: git, the gate on its tapes, the agent and the bot in processes of their own. Only the
hosted runner is acted out (tests/e2e/workflow.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from framework.compiled.records import interpreted
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import append_published
from framework.journal.entry import Kind
from tests.command import REPOSITORY, environment, line_of, quoteops
from tests.e2e.workflow import Job, Workflow, git
from tests.gitops.repository import Repo, bare

VENV = Path(sys.prefix)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(interpreted(), reason="a gate needs the compiled code"),
    pytest.mark.skipif(os.name != "posix", reason="the workflows' steps are bash"),
    pytest.mark.skipif(not (VENV / "dev.stamp").is_file(), reason="`make venv` has not made this one"),
]

WORKFLOWS = REPOSITORY / ".github" / "workflows"
PARTS = ("conf", "gitops", "runtime_overrides", "requirements", ".github")
FILES = ("Makefile", "pyproject.toml")
OVERRIDES = "runtime_overrides/sandbox.yaml"
PATIENCE_S = 90.0


class Team:
    """A person's clone and the remote that everybody shares."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = bare(folder / "remote.git")
        self.person = Repo(folder / "person")
        for name in PARTS:
            shutil.copytree(REPOSITORY / name, self.person.path / name)
        for name in FILES:
            shutil.copy(REPOSITORY / name, self.person.path / name)
        self.person.write(".gitignore", "artifacts/\n.venv\n")
        self.person.edit("gitops/policy.yaml", "poll_s: 5.0", "poll_s: 0.3")
        self.person.commit("the desired state")
        self.person.git("remote", "add", "origin", str(self.remote))
        self.person.git("push", "--quiet", "origin", "main")
        self.runs = 0

    @property
    def tip(self) -> str:
        return self.person.git("rev-parse", "main")

    def branch(self, name: str, edit: Callable[[Repo], None]) -> tuple[str, str]:
        """Commit an edit on a branch of its own and push it; give base and head."""
        self.person.git("checkout", "--quiet", "-B", name, "main")
        edit(self.person)
        head = self.person.commit(f"feat: {name}")
        self.person.git("push", "--quiet", "--force", "origin", name)
        self.person.git("checkout", "--quiet", "main")
        return self.tip, head

    def merge(self, name: str) -> tuple[str, str]:
        """Merge a branch as the code host does, and push; give main before and after."""
        before = self.tip
        self.person.git("fetch", "--quiet", "origin")
        self.person.git("merge", "--quiet", "--no-ff", "-m", f"merge {name}", f"origin/{name}")
        self.person.git("push", "--quiet", "origin", "main")
        return before, self.tip

    def workflow(self, file: str, github: dict[str, Any], **inputs: Any) -> dict[str, Job]:
        """Run a workflow's steps; give its jobs."""
        self.runs += 1
        work = self.folder / f"run-{self.runs}"
        work.mkdir()
        event = {"repository": {"default_branch": "main"}, **github.pop("event", {})}
        known = {"repository": "team/desk", "sha": self.tip, "ref_name": "main"}
        context = {
            "github": {**known, **github, "event": event},
            "inputs": inputs,
            "secrets": {"GITHUB_TOKEN": "not-a-token"},
            "vars": {},
        }
        return Workflow(WORKFLOWS / file, self.remote, work, VENV, context).run()

    def gate(self, base: str, head: str, *, action: str = "opened") -> dict[str, Job]:
        """Run the gate's workflow for what happened to a pull request, when it starts on that."""
        started = yaml.safe_load((WORKFLOWS / "gate.yml").read_text("utf-8"))[True]["pull_request"]["types"]
        assert action in started, f"gate.yml does not start when a pull request is {action}"
        repository = {"full_name": "team/desk"}
        pull = {"number": 1, "base": {"sha": base}, "head": {"sha": head, "repo": repository}}
        event = {"action": action, "pull_request": pull}
        return self.workflow("gate.yml", {"event": event, "event_name": "pull_request"})

    def promote(self, before: str, after: str) -> dict[str, Job]:
        """Run the workflow that follows a merge."""
        return self.workflow("promote.yml", {"event": {"before": before, "after": after}, "sha": after})

    def published(self, name: str) -> list[dict[str, Any]]:
        """Give the entries of a published journal."""
        lines = git("-C", str(self.remote), "show", f"quoteops/journal:{name}.jsonl")
        return [json.loads(line) for line in lines.splitlines()]


def setting(name: str, old: str, new: str) -> Callable[[Repo], None]:
    """Give the edit of one override."""
    return lambda repo: repo.edit(OVERRIDES, f"{name}: {old}", f"{name}: {new}")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


GOOD = setting("max_delta_ratio", "0.14", "0.15")
"""Quicker to follow the market: judged, and not worse on every count."""


@contextmanager
def running(*words: str, root: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a verb in the background until the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            line_of(*words), cwd=root, env=environment(), stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=20)


def until(
    what: str, found: Callable[[], Any], *, log: Path | None = None, patience_s: float = PATIENCE_S
) -> Any:
    """Wait for something to be true; give it."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    said = log.read_text(errors="replace")[-3_000:] if log is not None and log.exists() else ""
    raise AssertionError(f"{what} did not happen within {patience_s:.0f} s\n{said}")


def read(path: Path) -> Any:
    """Read a JSON file that may not be there yet."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def test_a_merged_change_runs_hot_a_broken_one_is_refused_and_what_went_back_agrees_with_git(
    team: Team,
) -> None:
    desk = team.folder / "desk"
    git("clone", "--quiet", str(team.remote), str(desk))
    place = desk / "artifacts" / "gitops" / "sandbox"
    agent_log, bot_log = team.folder / "agent.log", team.folder / "bot.log"
    run = desk / "artifacts" / "bot"

    def bot() -> Any:
        return read(place / "bot.json") or {"in_force": {}}

    def fills() -> list[dict[str, Any]]:
        path = run / "edge" / "trades.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    with running("gitops", "reconcile", "--environment", "sandbox", root=desk, log=agent_log):
        until("a first content", lambda: (place / "live" / "overrides.json").is_file(), log=agent_log)
        words = ("soak.environment=sandbox", "soak.clock=wall", "soak.hours=1", "soak.iterations=1")
        with running("soak", *words, "soak.auto_tune=false", f"hydra.run.dir={run}", root=desk, log=bot_log):
            first = until("the bot's first word", lambda: bot()["in_force"].get("config_sha"), log=bot_log)

            # A change on a branch, judged, merged, promoted: in force without a restart.
            base, head = team.branch("quicker", GOOD)
            jobs = team.gate(base, head)
            assert jobs["gate"].status == "success", jobs["gate"].printed
            assert jobs["record"].status == "success", jobs["record"].printed
            before, after = team.merge("quicker")
            until(
                "that it waits",
                lambda: status(desk)["permission"] == {"is": "Waiting", "why": "waiting for promotion"},
                log=agent_log,
            )
            assert bot()["in_force"]["config_sha"] == first
            jobs = team.promote(before, after)
            assert jobs["promote"].status == "success", jobs["promote"].printed
            applied = until(
                "the new value in force",
                lambda: bot()["in_force"] if bot()["in_force"].get("commit") == after else None,
                log=agent_log,
            )
            assert applied["config_sha"] != first
            assert json.loads((place / "live" / "overrides.json").read_text())["overrides"][
                "max_delta_ratio"
            ] == pytest.approx(0.15)
            last = team.published("sandbox.gate")[-1]
            assert (last["kind"], last["data"]["commit"]) == ("promoted", after)
            assert last["data"]["config_sha"] == applied["config_sha"]
            until(
                "a fill under the new configuration",
                lambda: [row for row in fills() if row["config_sha"] == applied["config_sha"]],
                log=bot_log,
            )
            entries = [json.loads(line) for line in (place / "journal.jsonl").read_text().splitlines()]
            (row,) = [e for e in entries if e["kind"] == "applied" and e["data"]["commit"] == after]
            assert row["data"]["config_sha"] == applied["config_sha"]

            # A broken one is refused, and nothing moves.
            jobs = team.gate(*team.branch("broken", setting("base_spread_bps_delta", "0.10", "0.9")))
            assert jobs["gate"].status == "failure"
            assert "base_spread_bps_delta is 0.9; allowed 0.0 to 0.6" in jobs["gate"].printed
            assert bot()["in_force"]["config_sha"] == applied["config_sha"]

            # What the sandbox began with was never judged; going back to it is free once it has been.
            entry = {"environment": "sandbox", "commit": base}
            append_published(
                Git(team.person.path), str(team.remote), "sandbox.gate",
                [(Kind.PROMOTED, {**entry, "config_sha": first, "verdict": "PASS"})],
            )  # fmt: skip
            # What was merged goes back at once; merging the proposal brings git to the same.
            done = quoteops(
                "gitops", "rollback", "--environment", "sandbox", "--reason", "fills look wrong", root=desk
            )
            assert done.returncode == 0, done.stderr
            until("the old value in force", lambda: bot()["in_force"]["config_sha"] == first, log=bot_log)
            assert status(desk)["permission"]["is"] == "Held"
            branch = until("a revert on the remote", lambda: revert_of(team), log=agent_log)
            jobs = team.gate(team.tip, git("-C", str(team.remote), "rev-parse", branch))
            assert jobs["gate"].status == "success", jobs["gate"].printed
            before, after = team.merge(branch)
            until(
                "git and the bot agree",
                lambda: agree(status(desk), config_sha=first, commit=team.tip),
                log=agent_log,
            )
            jobs = team.promote(before, after)
            assert jobs["promote"].status == "success", jobs["promote"].printed
            assert "no gate is needed: " in jobs["promote"].printed


def status(desk: Path) -> dict[str, Any]:
    """Give what the status verb says."""
    done = quoteops("gitops", "status", "--environment", "sandbox", "--json", root=desk)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def revert_of(team: Team) -> str | None:
    """Give the branch that proposes to go back."""
    names = git("-C", str(team.remote), "branch", "--format=%(refname:short)").splitlines()
    return next((name for name in names if name.startswith("quoteops/revert-sandbox-")), None)


def agree(found: dict[str, Any], *, config_sha: str, commit: str) -> bool:
    """Tell whether the branch, the live file and the bot say the same, and nothing is held."""
    return (
        found["hold"] is None
        and found["desired"]["commit"] == commit
        and found["desired"]["config_sha"] == config_sha
        and found["rendered"]["config_sha"] == config_sha
        and found["bot"]["config_sha"] == config_sha
        and found["sync"]["is"] == "Synced"
    )


def test_a_change_that_cannot_be_told_is_refused_with_the_hours_it_needs(team: Team) -> None:
    base, head = team.branch("unclear", setting("tail_age_ms", "650", "600"))
    jobs = team.gate(base, head)
    assert jobs["gate"].status == "failure"
    assert "INCONCLUSIVE" in jobs["gate"].summary
    assert "more of such tape" in jobs["gate"].summary
    assert jobs["record"].status == "success", jobs["record"].printed
    kinds = [row["kind"] for row in team.published("sandbox.gate")]
    assert kinds == ["attempt", "verdict"]


def test_a_worse_change_fails_and_a_merge_without_a_pass_is_never_in_force(team: Team) -> None:
    base, head = team.branch("slower", setting("min_interval_ms", "70", "110"))
    jobs = team.gate(base, head)
    assert jobs["gate"].status == "failure"
    assert "FAIL" in jobs["gate"].summary
    assert "time off target" in jobs["gate"].summary
    desk, log = team.folder / "desk", team.folder / "agent.log"
    git("clone", "--quiet", str(team.remote), str(desk))
    place = desk / "artifacts" / "gitops" / "sandbox"

    def live() -> Any:
        return (read(place / "live" / "overrides.json") or {"overrides": {}})["overrides"]

    with running("gitops", "reconcile", "--environment", "sandbox", root=desk, log=log):
        until("a first content", live, log=log)
        before, after = team.merge("slower")
        until("that it waits", lambda: status(desk)["permission"]["is"] == "Waiting", log=log)
        jobs = team.promote(before, after)
        assert jobs["promote"].status == "failure"
        assert "promoted" not in [row["kind"] for row in team.published("sandbox.gate")]
        last = team.published("sandbox.gate")[-1]
        assert (last["kind"], last["data"]["commit"], last["data"]["verdict"]) == ("refused", after, "FAIL")
        until("that it is refused", lambda: status(desk)["permission"]["is"] == "Refused", log=log)
        assert "time off target" in status(desk)["permission"]["why"]
        # The same values on another commit, before anybody looks: the content is refused, not the commit.
        team.person.write("README.md", "words\n")
        team.person.commit("docs: words")
        team.person.git("push", "--quiet", "origin", "main")
        until("the newest commit seen", lambda: status(desk)["desired"]["commit"] == team.tip, log=log)
        assert status(desk)["permission"]["is"] == "Refused"
        assert live()["min_interval_ms"] == 70
        applied = [json.loads(line) for line in (place / "journal.jsonl").read_text().splitlines()]
        assert [e["data"]["commit"] for e in applied if e["kind"] == "applied"] == [before]


def test_a_soak_leaves_its_report_in_the_job_s_summary(team: Team) -> None:
    jobs = team.workflow(
        "soak.yml",
        {"event_name": "workflow_dispatch"},
        hours=0.1,
        iterations=2,
        auto_tune=False,
        overrides_json='{"base_spread_bps_delta": 0.2}',
    )
    job = jobs["soak"]
    assert "# Soak" in job.summary or "SOAK" in job.summary, job.printed
    assert (team.folder / "run-1" / "artifacts" / "soak-linux" / "reports" / "KPI_GATE.json").is_file()


def test_a_sweep_s_winner_that_is_not_proven_is_not_proposed(team: Team) -> None:
    words = "params.base_spread_bps_delta=0.05,0.15 soak.hours=0.2 soak.iterations=1 soak.auto_tune=false"
    jobs = team.workflow("sweep.yml", {"event_name": "workflow_dispatch"}, words=words, environment="sandbox")
    assert jobs["sweep"].status == "success", jobs["sweep"].printed
    assert "# Sweep" in jobs["sweep"].summary
    assert jobs["propose"].status == "failure"
    assert "nothing is proven" in jobs["propose"].printed, jobs["propose"].printed
    assert "proposal" not in git("-C", str(team.remote), "branch")
