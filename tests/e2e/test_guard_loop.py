"""A canary that loses, as a team meets it: its own bot ends it, the agent holds, a commit clears it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.command import environment
from tests.e2e.test_control_loop import Team, agree, pytestmark, read, revert_of, running, status, until
from tests.e2e.workflow import git
from tests.gitops.repository import Repo

__all__ = ["pytestmark"]

FILE, TRY = "gitops/environments/sandbox.yaml", "runtime_overrides/sandbox.try.yaml"
LOSES = "{base_spread_bps_delta: 0.0, signal.weight_bps: 3.0, signal.k: 5.0}"
TIMES = "60"
"""The market's half hour that it takes to tell is half a minute here."""


def let_out(repo: Repo) -> None:
    """Let a candidate out that runs after every move, as somebody would whom no gate stopped."""
    repo.write(TRY, f"reason: follow every move\nowner: us\noverrides: {LOSES}\n")
    repo.edit(FILE, "rollout: disabled", "rollout: canary")
    repo.edit(FILE, "candidate: null", f"candidate: {TRY}")


def test_a_canary_that_loses_is_ended_by_its_bot_held_by_the_agent_and_cleared_by_a_commit(
    tmp_path: Path,
) -> None:
    team = Team(tmp_path)
    team.person.edit(FILE, "words: []", "words: [rollout.canary_fraction=0.5, rollout_guard.min_sample=20]")
    team.person.edit(
        "runtime_overrides/sandbox.yaml", "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.35"
    )
    # A team whose check is enough, and whose steps are wide: what loses is stopped by the guard alone.
    team.person.edit(
        "gitops/policy.yaml", "base_spread_bps_delta: {step: 0.1}", "base_spread_bps_delta: {step: 0.6}"
    )
    for direction in ("increasing", "gated"):
        team.person.edit("gitops/policy.yaml", f"{direction}: gate", f"{direction}: check")
    team.person.commit("a quick guard and a baseline that wins")
    # One commit, as if the team had begun so: a policy that was loosened just now would not count yet.
    team.person.git("reset", "--quiet", "--soft", "HEAD~1")
    team.person.git("commit", "--quiet", "--amend", "--no-edit")
    team.person.git("push", "--quiet", "--force", "origin", "main")
    desk = team.folder / "desk"
    git("clone", "--quiet", str(team.remote), str(desk))
    place = desk / "artifacts" / "gitops" / "sandbox"
    agent_log, bot_log = team.folder / "agent.log", team.folder / "bot.log"

    def bot() -> dict[str, Any]:
        found: dict[str, Any] = read(place / "bot.json") or {"in_force": {}}
        return found

    with running("gitops", "reconcile", "--environment", "sandbox", root=desk, log=agent_log):
        until("a first content", lambda: (place / "live" / "overrides.json").is_file(), log=agent_log)
        words = ("soak.environment=sandbox", "soak.clock=wall", "soak.hours=24", "soak.seed=1")
        line = (
            sys.executable,
            "-m",
            "tests.e2e.quick_bot",
            TIMES,
            *words,
            "soak.iterations=1",
            "soak.auto_tune=false",
        )
        with (
            bot_log.open("wb") as out,
            subprocess.Popen(
                line, cwd=desk, env=environment(), stdout=out, stderr=subprocess.STDOUT
            ) as process,
        ):
            try:
                first = until("the bot", lambda: bot()["in_force"].get("config_sha"), log=bot_log)
                team.branch("follow", let_out)
                before, tried = team.merge("follow")
                jobs = team.promote(before, tried)
                assert jobs["promote"].status == "success", jobs["promote"].printed
                until("the canary in force", lambda: bot()["in_force"].get("commit") == tried, log=agent_log)

                # Its bot ends it, by itself and with the figures.
                patience_s = 300.0
                until(
                    "a trip", lambda: "MODE_SWITCH" in bot_log.read_text(), log=bot_log, patience_s=patience_s
                )
                assert "closed lots won" in bot_log.read_text()

                # The agent goes back, holds, and says why; git still asks for the canary.
                until("a hold", lambda: status(desk)["hold"], log=agent_log)
                found = status(desk)
                assert found["permission"]["is"] == "Held"
                assert "closed lots won" in found["hold"]["reason"]
                assert found["hold"]["quarantined"]["commit"] == tried
                assert found["desired"]["commit"] == tried
                until("the baseline alone", lambda: bot()["in_force"]["config_sha"] == first, log=bot_log)
                live = json.loads((place / "live" / "overrides.json").read_text())["overrides"]
                assert live.get("rollout.mode", "disabled") == "disabled"

                # A commit that takes the canary back clears it.
                branch = until("a revert on the remote", lambda: revert_of(team), log=agent_log)
                team.merge(branch)
                until(
                    "git, agent and bot agree",
                    lambda: agree(status(desk), config_sha=first, commit=team.tip),
                    log=agent_log,
                )
                assert "rollout: disabled" in git("-C", str(team.remote), "show", f"main:{FILE}")
            finally:
                process.terminate()
                process.wait(timeout=20)
