"""Nothing that adds risk is in force before it is promoted: the commands as people type them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framework.compiled.records import interpreted
from tests.command import quoteops
from tests.e2e.desk import Desk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(interpreted(), reason="a gate needs the compiled code"),
    pytest.mark.skipif(os.name != "posix", reason="no platform is more than tried"),
]


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
