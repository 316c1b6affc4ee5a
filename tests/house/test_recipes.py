"""Hooks, workflows and the build script: one recipe place, pinned actions, least permission."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]
    return found


def test_every_hook_is_local_and_calls_a_target_of_the_makefile() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["entry"].removeprefix("make ") in targets(), hook["id"]


def test_make_test_runs_every_check_a_hook_runs() -> None:
    prerequisites = re.search(r"^test: ([a-z -]+?) ##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert prerequisites
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    checks = {hook["entry"].removeprefix("make ") for hook in config["repos"][0]["hooks"]}
    assert checks <= set(prerequisites[1].split())


def test_the_tests_run_in_two_parts_that_together_are_all_of_them() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    assert re.findall(r"^\t@\$\(PYTEST\) (.*)$", text, re.MULTILINE) == [
        '-m "not slow"',
        "-m slow",
        "$(ARGS)",
    ]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_words_given_to_make_soak_are_words_of_the_soak() -> None:
    given = [
        "profile=moderate",
        "market.symbols=[AUSDT,BUSDT]",
        "x=it's a $HOME",
        "ARGS=-m --json",
        "PYTHON=python3",
    ]
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/core.stamp", "soak", *given],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(".venv/bin/quoteops soak ")]
    words = shlex.split(line.partition(" || ")[0])[2:]
    assert words == ["market.symbols=[AUSDT,BUSDT]", "profile=moderate", "x=it's a $HOME", "-m", "--json"]


def test_the_build_script_calls_make_test() -> None:
    assert "exec make test\n" in (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_grants_nothing_by_default_and_never_runs_foreign_code_with_secrets(
    workflow: Path,
) -> None:
    text = workflow.read_text("utf-8")
    assert yaml.safe_load(text)["permissions"] == {}
    assert "pull_request_target" not in text
    assert "workflow_run" not in text


def on(workflow: str) -> dict[str, Any]:
    """Give what starts a workflow; YAML reads the key ``on`` as true."""
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text("utf-8"))
    events: dict[str, Any] = found[True]
    return events


def test_a_pull_request_is_judged_anew_when_its_base_is_another_and_in_a_merge_queue() -> None:
    assert set(on("gate.yml")["pull_request"]["types"]) >= {"opened", "synchronize", "reopened", "edited"}
    assert "merge_group" in on("gate.yml")
    assert "pull_request.base" not in (ROOT / ".github" / "workflows" / "gate.yml").read_text("utf-8")


@pytest.mark.parametrize("workflow", ["gate.yml", "sweep.yml"])
def test_a_job_that_judges_or_proposes_runs_the_protected_branch_s_code(workflow: str) -> None:
    for name, job in jobs(ROOT / ".github" / "workflows" / workflow).items():
        (ref,) = [s["with"]["ref"] for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
        assert ref == "${{ github.event.repository.default_branch }}", name


def test_a_look_is_spent_by_a_job_before_the_one_that_takes_it() -> None:
    gate = jobs(ROOT / ".github" / "workflows" / "gate.yml")
    runs = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in gate.items()}
    assert "--remote origin --spend" in runs["look"]
    assert "--out" not in runs["look"]
    assert "--spent" in runs["gate"]
    assert gate["gate"]["needs"] == "look"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_pins_its_actions_and_bounds_its_time(workflow: Path) -> None:
    for name, job in jobs(workflow).items():
        assert 0 < job["timeout-minutes"] <= 60, name
        for step in job["steps"]:
            uses = step.get("uses", "")
            assert not uses or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", uses), f"{name}: {uses}"
            if uses.startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name
