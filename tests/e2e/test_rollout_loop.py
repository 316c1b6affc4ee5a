"""A candidate as a team tries one: judged, merged, traded beside the baseline, taken back."""

from __future__ import annotations

import json
from typing import Any

from framework.settings.environment import compose_environment
from tests.command import quoteops
from tests.e2e.test_control_loop import Team, agree, pytestmark, read, revert_of, running, status, until
from tests.e2e.workflow import git
from tests.gitops.repository import Repo

__all__ = ["pytestmark"]

FILE, TRY = "gitops/environments/sandbox.yaml", "runtime_overrides/sandbox.try.yaml"
MINUTES_S = 300.0
"""Long enough for the hash to choose minutes of either route, and for the desk to trade in them."""


def canary(repo: Repo) -> None:
    """Name a candidate and let it out to half of the minutes."""
    repo.write(TRY, "reason: quicker to follow\nowner: us\noverrides: {max_delta_ratio: 0.15}\n")
    repo.edit(FILE, "rollout: disabled", "rollout: canary")
    repo.edit(FILE, "candidate: null", f"candidate: {TRY}")
    repo.edit(FILE, "words: []", "words: [rollout.canary_fraction=0.5]")


def test_a_canary_is_judged_merged_traded_and_taken_back(tmp_path: Any) -> None:
    team = Team(tmp_path)
    desk = team.folder / "desk"
    git("clone", "--quiet", str(team.remote), str(desk))
    place = desk / "artifacts" / "gitops" / "sandbox"
    agent_log, bot_log = team.folder / "agent.log", team.folder / "bot.log"
    run = desk / "artifacts" / "bot"

    def in_force() -> dict[str, Any]:
        found: dict[str, Any] = (read(place / "bot.json") or {"in_force": {}})["in_force"]
        return found

    def fills(route: str, config_sha: str) -> list[dict[str, Any]]:
        path = run / "edge" / "trades.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        return [row for row in rows if (row["route"], row["config_sha"]) == (route, config_sha)]

    with running("gitops", "reconcile", "--environment", "sandbox", root=desk, log=agent_log):
        until("a first content", lambda: (place / "live" / "overrides.json").is_file(), log=agent_log)
        words = ("soak.environment=sandbox", "soak.clock=wall", "soak.hours=1", "soak.iterations=1")
        with running("soak", *words, "soak.auto_tune=false", f"hydra.run.dir={run}", root=desk, log=bot_log):
            first = until("the bot's first word", lambda: in_force().get("config_sha"), log=bot_log)

            # Judged by the shipped policy, recorded, merged, promoted.
            base, head = team.branch("canary", canary)
            jobs = team.gate(base, head)
            assert jobs["gate"].status == "success", jobs["gate"].printed
            assert "candidate" in jobs["gate"].summary
            before, after = team.merge("canary")
            asked = compose_environment(team.person.path, "sandbox").settings
            assert asked.candidate is not None
            jobs = team.promote(before, after)
            assert jobs["promote"].status == "success", jobs["promote"].printed
            until("the canary in force", lambda: in_force().get("commit") == after, log=agent_log)
            assert in_force()["config_sha"] == asked.config_sha
            last = team.published("sandbox.gate")[-1]
            assert (last["kind"], last["data"]["config_sha"]) == ("promoted", asked.config_sha)

            # The running bot trades both, each fill under its own configuration.
            tried, beneath = asked.candidate.config_sha, asked.baseline.config_sha
            assert len({first, tried, beneath, asked.config_sha}) == 4
            until(
                "a fill of the candidate", lambda: fills("canary", tried), log=bot_log, patience_s=MINUTES_S
            )
            until("a fill of the baseline", lambda: fills("real", beneath), log=bot_log, patience_s=MINUTES_S)

            # Back at once, and git follows.
            done = quoteops(
                "gitops", "rollback", "--environment", "sandbox", "--reason", "not this one", root=desk
            )
            assert done.returncode == 0, done.stderr
            until("the baseline alone", lambda: in_force()["config_sha"] == first, log=bot_log)
            count = len(fills("canary", tried))
            assert status(desk)["permission"]["is"] == "Held"
            branch = until("a revert on the remote", lambda: revert_of(team), log=agent_log)
            jobs = team.gate(team.tip, git("-C", str(team.remote), "rev-parse", branch))
            assert jobs["gate"].status == "success", jobs["gate"].printed
            team.merge(branch)
            until(
                "git and the bot agree",
                lambda: agree(status(desk), config_sha=first, commit=team.tip),
                log=agent_log,
            )
            assert "rollout: disabled" in (git("-C", str(team.remote), "show", f"main:{FILE}"))
            until("a fill after it", lambda: fills("real", first)[-1:], log=bot_log, patience_s=MINUTES_S)
            # What was quoted before it may fill a moment later; nothing is quoted by the candidate any more.
            assert len(fills("canary", tried)) <= count + 2
