"""A bundle that was made up, and a pull request that points elsewhere: neither leads around the gate."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framework.compiled.records import interpreted
from framework.files.atomic import canonical_json, sha256_of
from tests.command import quoteops
from tests.e2e.desk import Desk
from tests.e2e.test_control_loop import VENV, Team, setting
from tests.e2e.workflow import git

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(interpreted(), reason="a gate needs the compiled code"),
    pytest.mark.skipif(os.name != "posix", reason="the workflows' steps are bash"),
]

TINY = """tapes:
  tiny:
    regime: normal
    market: liquid
    symbol: SYNTHUSDT
    synthetic: {preset: liquid_perp, seed: 5, hours: 0.05}
"""


def judge_by_a_tiny_tape(repo: Any) -> None:
    """Let one short tape judge the sandbox, so that a gate takes a second and proves nothing."""
    repo.write("gitops/tapes.yaml", TINY)
    for name in ("sandbox", "thin"):
        path = f"gitops/environments/{name}.yaml"
        text = (repo.path / path).read_text("utf-8")
        repo.write(path, re.sub(r"(?m)^tapes:.*$", "tapes: [tiny]", text))
    repo.git("update-ref", "-d", "HEAD")  # the tapes before it would count for a while
    repo.commit("one tape")
    repo.git("push", "--quiet", "--force", "origin", "main")


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file."""
    data = json.loads(path.read_text("utf-8"))
    change(data)
    path.write_text(canonical_json(data) + "\n", "utf-8")


def make_it_a_pass(evidence: Path) -> Path:
    """Write PASS over a gate's report, its bundle and its entries, every digest right; give the bundle."""

    def passed(report: dict[str, Any]) -> None:
        report |= {"verdict": "PASS", "exit_code": 0}
        for one in report["environments"]:
            one["verdict"] = "PASS"
            for row in one.get("journal", ()):
                row["data"] |= {"verdict": "PASS"} if row["kind"] == "verdict" else {}

    (bundle,) = (evidence / "bundles").iterdir()
    rewrite(evidence / "gate.json", passed)
    report = bundle / "reports" / "gate.json"
    rewrite(report, passed)

    def resealed(data: dict[str, Any]) -> None:
        data |= {"verdict": "PASS", "exit_code": 0}
        data["reports"]["gate.json"] = sha256_of(report.read_text("utf-8"))
        del data["seal"]
        data["seal"] = sha256_of(canonical_json(data))

    rewrite(bundle / "bundle.json", resealed)
    return bundle


def test_a_forged_bundle_lets_nothing_in(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "sandbox")
    judge_by_a_tiny_tape(desk.repo)
    _, first = desk.look()
    root, evidence = desk.repo.path, tmp_path / "evidence"
    desk.change("impact_cap_ratio: 0.09", "impact_cap_ratio: 0.10")
    words = ("--base", "main~1", "--head", "main", "--remote", "origin")
    done = quoteops("gitops", "gate", *words, "--out", str(evidence), root=root)
    assert done.returncode in (1, 3), done.stdout + done.stderr

    bundle = make_it_a_pass(evidence)
    assert quoteops("gitops", "verify", str(bundle), root=root).returncode == 0  # every digest is right
    journal = tmp_path / "sandbox.gate.jsonl"
    journal.write_text(git("-C", str(desk.remote), "show", f"quoteops/journal:{journal.name}") + "\n")
    told = quoteops("gitops", "verify", str(bundle), "--journal", str(journal), root=root)
    assert told.returncode == 1, told.stdout + told.stderr
    replayed = quoteops("gitops", "verify", str(bundle), "--replay", root=root)
    assert replayed.returncode == 1, replayed.stdout + replayed.stderr
    # In the journal it is worth nothing: a verdict is no promotion, and a merge is judged anew.
    assert quoteops("gitops", "record", "--evidence", str(evidence), root=root).returncode == 0
    status, live = desk.look()
    assert (status["permission"]["is"], live) == ("Waiting", first)
    assert desk.promote("--base", "main~1").returncode in (1, 3)
    status, live = desk.look()
    assert (status["permission"]["is"], live) == ("Refused", first)


@pytest.mark.skipif(not (VENV / "dev.stamp").is_file(), reason="`make venv` has not made this one")
def test_a_retargeted_pull_request_is_judged_against_the_protected_branch(tmp_path: Path) -> None:
    team = Team(tmp_path)
    judge_by_a_tiny_tape(team.person)
    _, side = team.branch("side", setting("impact_cap_ratio", "0.09", "0.10"))
    team.person.git("checkout", "--quiet", "-B", "words", "side")
    team.person.write("README.md", "words\n")
    head = team.person.commit("docs: words")
    team.person.git("push", "--quiet", "origin", "words")
    team.person.git("checkout", "--quiet", "main")

    # Opened against a branch that holds the risk already, where only words would change; then turned to main.
    for base, action in ((side, "opened"), (team.tip, "edited")):
        jobs = team.gate(base, head, action=action)
        assert jobs["gate"].status == "failure"
        assert "impact_cap_ratio" in jobs["gate"].printed
        assert jobs["record"].status == "success", jobs["record"].printed
    kinds = [(row["kind"], row["data"].get("verdict")) for row in team.published("sandbox.gate")]
    assert kinds[0][0] == "attempt"
    assert all(verdict != "PASS" for _, verdict in kinds)
