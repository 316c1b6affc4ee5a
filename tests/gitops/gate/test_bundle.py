"""Evidence bundles: what a real gate leaves, found changed when a byte is, and run again to the byte."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from framework.files.atomic import canonical_json, sha256_of
from framework.gitops.desired.environment_revision import read_revision
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.bundle import write_bundle
from framework.gitops.gate.report import gate_markdown, report_sha
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.run import run_gate
from framework.gitops.gate.verify import Row, check_bundle, replay_bundle
from framework.journal.entry import Kind
from tests.gitops.agent_cases import PATCH, START, World, patch_text

TAPES = b"""tapes:
  tiny:
    regime: normal
    market: liquid
    symbol: SYNTHUSDT
    synthetic: {preset: liquid_perp, seed: 5, hours: 0.05}
"""


@dataclass(frozen=True)
class Given:
    """A bundle, the repository it is of, and the entries its gate journalled."""

    folder: Path
    world: World
    entries: list[Any]


@dataclass(frozen=True)
class Entry:
    kind: Kind
    data: dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Give what one gate of one tiny tape leaves."""
    folder = tmp_path_factory.mktemp("evidence")
    world = World(folder)
    path = "gitops/environments/sandbox.yaml"
    text = world.author.show("main", path)
    assert text is not None
    desired: dict[str, bytes | None] = {
        path: re.sub(rb"(?m)^tapes:.*$", b"tapes: [tiny]", text),
        "gitops/environments/thin.yaml": None,  # it names tapes that are not here
        "gitops/tapes.yaml": TAPES,
        PATCH: patch_text(impact_cap_ratio=0.08).encode(),
    }
    world.commit(desired)
    files = {name: world.author.show("main", name) for name in world.author.files("main")}
    base = world.commit(files, parent=None)  # nothing before it counts
    head = world.ask(impact_cap_ratio=0.09)
    entries: list[Any] = []
    with Revision.open(world.author, base) as old, Revision.open(world.author, head) as new:
        request = GateRequest(
            base=old,
            head=new,
            rows=lambda _: (),
            append=lambda _, kind, data: entries.append(Entry(kind, dict(data))),
            home=folder,
            environment="sandbox",
            now=START,
            code_sha="c0de",
            workers=0,
        )
        result = run_gate(request)
        shown = gate_markdown(result.report)
        bundle = write_bundle(result.plain, result.inputs, markdown=shown, into=folder / "bundles")
        again = write_bundle(result.plain, result.inputs, markdown=shown, into=folder / "bundles")
    assert again == bundle
    return Given(bundle, world, entries)


@pytest.fixture
def copy(made: Given, tmp_path: Path) -> Path:
    """Give a copy of the bundle that a test may spoil."""
    return Path(shutil.copytree(made.folder, tmp_path / made.folder.name))


def test_a_bundle_names_what_the_verdict_rests_on(made: Given) -> None:
    bundle, faults = check_bundle(made.folder, journal=made.entries)
    assert faults == []
    inputs = bundle["inputs"]
    assert inputs["code_sha"] == "c0de"
    assert set(inputs["tapes"]) == {"tiny"}
    assert inputs["tapes"]["tiny"]["open"]["synthetic"]["seed"] == 5
    assert len(inputs["tapes"]["tiny"]["digest"]) == 64
    assert {"base", "head", "policy_sha", "alpha", "seed", "gate_version"} <= set(inputs["judged"][0])
    assert made.folder.name == bundle["id"][:32]


def test_the_gate_run_again_says_the_same_to_the_byte(made: Given) -> None:
    bundle, _ = check_bundle(made.folder)
    found = replay_bundle(
        made.folder, bundle, git=made.world.author, home=made.world.folder, code_sha="c0de", workers=0
    )
    assert (found.identical, found.same_code) == (True, True)


def test_a_report_that_was_made_up_whole_is_found_by_running_it_again(made: Given, copy: Path) -> None:
    def better(report: dict[str, Any]) -> None:
        report["verdict"], report["exit_code"] = "PASS", 0
        report["environments"][0]["verdict"] = "PASS"

    reseal(copy, better)
    bundle, faults = check_bundle(copy)
    assert faults == []  # every digest is right: only the journal and the gate itself know better
    _, missing = check_bundle(copy, journal=[])
    assert "the journal holds no verdict" in missing[0]
    found = replay_bundle(
        copy, bundle, git=made.world.author, home=made.world.folder, code_sha="c0de", workers=0
    )
    assert not found.identical
    assert "verdict" in found.differs


def better_on_top(report: dict[str, Any]) -> None:
    """Call what did not pass a pass."""
    report["verdict"], report["exit_code"] = "PASS", 0


def code_alone(report: dict[str, Any]) -> None:
    """Let what did not pass leave with 0."""
    report["exit_code"] = 0


def test_a_verdict_is_the_worst_of_its_environments_and_leaves_with_its_own_code(
    made: Given, copy: Path
) -> None:
    reseal(copy, better_on_top)
    (fault,) = check_bundle(copy)[1]
    assert "verdict is PASS, its environments'" in fault
    reseal(copy, code_alone)
    assert any("exit code is 0" in fault or "verdict is PASS" in fault for fault in check_bundle(copy)[1])


def test_a_verdict_entry_names_its_bundle_and_the_digest_of_what_was_found(made: Given, copy: Path) -> None:
    bundle, _ = check_bundle(made.folder)
    (entry,) = [entry for entry in made.entries if entry.kind is Kind.VERDICT]
    report = json.loads((made.folder / "reports" / "gate.json").read_text())
    assert entry.data["bundle"] == bundle["id"]
    assert entry.data["report"] == report_sha(report["environments"][0])

    def rosier(report: dict[str, Any]) -> None:
        (symbol,) = report["environments"][0]["symbols"].values()
        symbol["effects"]["net"]["effect"] = 9.9

    reseal(copy, rosier)
    assert check_bundle(copy)[1] == []  # every digest in it is right
    (fault,) = check_bundle(copy, journal=made.entries)[1]
    assert fault.endswith("of this report: its numbers are others")
    other = [Entry(entry.kind, {**entry.data, "bundle": "0" * 64})]
    (fault,) = check_bundle(made.folder, journal=other)[1]
    assert fault.endswith("of this bundle: it rests on other inputs")


def test_a_promotion_of_the_attempt_names_the_report_that_let_it_in(made: Given) -> None:
    report = json.loads((made.folder / "reports" / "gate.json").read_text())
    (one,) = report["environments"]
    data = {"by": one["inputs"]["attempt"], "commit": report["head"], "report": report_sha(one)}
    journal = [Entry(entry.kind, dict(entry.data)) for entry in made.entries]
    assert check_bundle(made.folder, journal=[*journal, Entry(Kind.PROMOTED, data)])[1] == []
    other = Entry(Kind.PROMOTED, {**data, "report": "0" * 64})
    (fault,) = check_bundle(made.folder, journal=[*journal, other])[1]
    assert fault.endswith("promotes this attempt for another report: its numbers are others")


def reseal(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the report and make every digest fit."""
    path = folder / "reports" / "gate.json"
    report = json.loads(path.read_text())
    change(report)
    path.write_text(canonical_json(report) + "\n")
    bundle = json.loads((folder / "bundle.json").read_text())
    bundle |= {"verdict": report["verdict"], "exit_code": report["exit_code"]}
    bundle["reports"]["gate.json"] = sha256_of(path.read_text())
    del bundle["seal"]
    bundle["seal"] = sha256_of(canonical_json(bundle))
    (folder / "bundle.json").write_text(canonical_json(bundle) + "\n")


def test_any_changed_byte_is_found(made: Given, copy: Path) -> None:
    for path in sorted(p for p in made.folder.rglob("*") if p.is_file()):
        good = path.read_bytes()
        target = copy / path.relative_to(made.folder)
        for at in range(0, len(good), max(1, len(good) // 40)):
            target.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert check_bundle(copy)[1], f"{path.name} byte {at}"
        target.write_bytes(good[:-1])
        assert check_bundle(copy)[1]
        target.write_bytes(good)
    assert not check_bundle(copy)[1]


def test_missing_added_and_renamed_are_found(copy: Path) -> None:
    (copy / "reports" / "more.txt").write_text("x")
    assert check_bundle(copy)[1] == ["reports/more.txt: does not belong to the bundle"]
    (copy / "reports" / "more.txt").unlink()
    (copy / "reports" / "gate.md").rename(copy / "gate.md")
    assert check_bundle(copy)[1][0] == "reports/gate.md: is missing"
    (copy / "gate.md").rename(copy / "reports" / "gate.md")
    moved = copy.rename(copy.with_name("other"))
    assert "is not the folder of bundle" in check_bundle(moved)[1][0]


def test_a_folder_without_a_bundle_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "bundles" / "abc").mkdir(parents=True)
    (tmp_path / "bundles" / "abc" / "bundle.json").touch()
    with pytest.raises(GitopsError, match=r"holds no bundle.*did you mean .*abc\?"):
        check_bundle(tmp_path)


def test_the_command_checks_a_bundle(made: Given, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from framework.cli.main import main

    assert main(["gitops", "verify", str(made.folder)]) == 0
    assert capsys.readouterr().out.startswith("WHOLE:")
    (copy / "reports" / "gate.md").write_text("all is well\n")
    assert main(["gitops", "verify", str(copy), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"] == ["reports/gate.md: is not what was written"]


def test_what_an_agents_journal_said_is_part_of_the_evidence(made: Given, tmp_path: Path) -> None:
    world = made.world
    base = check_bundle(made.folder)[0]["inputs"]["base"]
    shas = [base]
    for text in (patch_text(base_spread_bps_delta=0.45).encode(), world.author.show(base, PATCH)):
        shas.append(world.author.commit_files(shas[-1], {PATCH: text}, "there and back\n"))
    asked = [read_revision(world.author, commit=c, environment="sandbox", scratch=tmp_path) for c in shas]
    held, bad = (
        {"commit": one.commit, "config_sha": one.settings.config_sha}
        for one in asked[:2]
        if one.settings is not None
    )
    hold = {"hold": "hold-1", "held": held, "quarantined": bad}
    with Revision.open(world.author, shas[1]) as old, Revision.open(world.author, shas[2]) as new:
        request = GateRequest(
            base=old,
            head=new,
            home=world.folder,
            environment="sandbox",
            rows=lambda _: [Row(1, START.isoformat(), Kind.PROMOTED, held)],
            agent_rows=lambda _: [Row(1, START.isoformat(), Kind.HOLD, hold)],
            now=START,
            code_sha="c0de",
            workers=0,
        )
        result = run_gate(request)
        assert "went back" in result.report.sentence
        folder = write_bundle(result.plain, result.inputs, markdown="", into=tmp_path)
    bundle, faults = check_bundle(folder)
    assert not faults
    found = replay_bundle(folder, bundle, git=world.author, home=world.folder, code_sha="c0de", workers=0)
    assert found.identical
