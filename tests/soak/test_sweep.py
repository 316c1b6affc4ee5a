"""A sweep is one soak a combination, composed before the first, ranked after the last."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

import framework.soak.sweep.cell as cell_module
from framework.compiled.records import interpreted
from framework.session.errors import SoakError
from framework.settings.errors import ConfigError
from framework.soak.run import Interrupted
from framework.soak.sweep.run import run_sweep
from framework.soak.sweep.table import read_sweep
from tests.command import QUICK, environment, line_of, private_copy

pytestmark = [
    pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code"),
    pytest.mark.usefixtures("quiet_environment"),
]

WORDS = (*QUICK, "params.base_spread_bps_delta=0.0,0.6")


Swept = tuple[dict[str, Any], Path, list[str]]


def swept(root: Path, *words: str, launcher: str = "serial", **more: Any) -> Swept:
    said: list[str] = []
    moved = more.pop("progress", lambda _doing, _share: None)
    more.setdefault("pages", False)
    ready = [*words, f"hydra/launcher={launcher}"]
    sweep, folder = run_sweep(words=ready, log=said.append, progress=moved, root=root, **more)
    return sweep.as_dict(), folder, said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return private_copy(tmp_path)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Give one sweep over two values, in a folder that a word names."""
    root = private_copy(tmp_path_factory.mktemp("grid"))
    return swept(root, *WORDS, f"hydra.sweep.dir={root / 'mine'}", pages=True)


def test_every_combination_is_a_soak_in_its_own_folder(grid: Swept) -> None:
    sweep, folder, said = grid
    assert sweep["status"] == "complete"
    assert sweep["trials"] == sweep["planned"] == 2
    for row in sweep["cells"]:
        run = json.loads((folder / row["folder"] / "run.json").read_text())
        assert run["status"] == "complete"
        spread = run["settings"]["params"]["base_spread_bps_delta"]
        assert row["label"] == f"params.base_spread_bps_delta={spread}"
        assert row["values"] == {"params.base_spread_bps_delta": spread}
        report = json.loads((folder / row["folder"] / "reports" / "EDGE_REPORT.json").read_text())
        assert report["totals"]["net_bps"] == row["net_bps"]
        gate = json.loads((folder / row["folder"] / "reports" / "KPI_GATE.json").read_text())
        assert gate["verdict"] == row["verdict"]
    assert [row["rank"] for row in sweep["cells"]] == [1, 2]
    assert said == [f"| soak_sweep | {row['verdict']} | cell={row['cell']} {row['label']} |"
                    for row in sorted(sweep["cells"], key=lambda row: row["cell"])]  # fmt: skip
    assert json.loads((folder / "SWEEP.json").read_text()) == sweep
    assert read_sweep(folder / "SWEEP.json").as_dict() == sweep
    assert (folder / "SWEEP.md").read_text().startswith(f"# Sweep: {sweep['verdict']}\n")


def test_every_cell_stands_beside_what_runs_on_the_same_tape(grid: Swept) -> None:
    sweep, folder, _ = grid
    there = json.loads((folder / "present" / "run.json").read_text())
    assert there["settings"]["params"]["base_spread_bps_delta"] == 0.1
    assert (
        sweep["present"]
        == "conf/, profile S1 and runtime_overrides/soak.yaml, without the words that are tried"
    )
    held = json.loads((folder / "present" / "blocks.json").read_text())
    for row in sweep["cells"]:
        mine = json.loads((folder / row["folder"] / "blocks.json").read_text())
        assert (mine["block_s"], len(mine["net"])) == (held["block_s"], len(held["net"]))
        assert (row["answer"], row["proven"]) == ("INCONCLUSIVE", False), "six minutes are no block of ten"


def test_the_cell_that_is_what_runs_is_named_and_is_not_played_twice(root: Path) -> None:
    hour = [word for word in QUICK if "hours" not in word]
    sweep, folder, _ = swept(root, *hour, "soak.hours=1", "strategy.base_half_spread_bps=0.5,10")
    assert not (folder / "present").exists()
    assert {row["cell"]: row["is_present"] for row in sweep["cells"]} == {0: True, 1: False}
    assert sweep["cells"][0]["answer"] == "NO_EFFECT" or sweep["cells"][1]["answer"] == "NO_EFFECT"
    assert "(what runs)" in (folder / "SWEEP.md").read_text()


def test_the_environment_that_a_word_names_is_what_runs(root: Path) -> None:
    words = (*QUICK, "soak.environment=production", "strategy.base_half_spread_bps=5,10")
    sweep, folder, _ = swept(root, *words)
    there = json.loads((folder / "present" / "run.json").read_text())
    assert there["settings"]["params"]["base_spread_bps_delta"] == 0.2
    cell = json.loads((folder / "0" / "run.json").read_text())
    assert cell["settings"]["params"] == there["settings"]["params"]
    assert sweep["present"] == "environment production as this checkout has it"


def test_a_sweep_leaves_the_latest_run_alone(grid: Swept) -> None:
    _, folder, _ = grid
    assert not (folder.parent / "artifacts").exists()


def test_a_cell_is_what_a_soak_of_its_words_is(grid: Swept) -> None:
    """The winner is played again as a soak of its own, tuner, page and all."""
    sweep, folder, _ = grid
    best = sweep["cells"][0]
    for name in ("EDGE_REPORT", "KPI_GATE"):
        alone = (folder / "winner" / "reports" / f"{name}.json").read_bytes()
        assert alone == (folder / best["folder"] / "reports" / f"{name}.json").read_bytes()
    assert (folder / "winner" / "reports" / "report.html").is_file()


def test_a_tuned_cell_and_a_canary_cell_are_what_soaks_of_their_words_are(root: Path) -> None:
    """run_sweep refuses its own table when the winner, played again, differs from its row."""
    words = ("soak.hours=0.1", "soak.iterations=3", "market.preset=thin_spot", "soak.seed=3,4")
    sweep, folder, _ = swept(root, *words, pages=True)
    tuned = json.loads((folder / "winner" / "soak" / "TUNING_REPORT.json").read_text())
    assert tuned["enabled"]
    sweep, folder, _ = swept(
        root, *QUICK, "rollout=canary", "rollout.candidate.base_spread_bps_delta=0.1,0.2", pages=True
    )
    best = sweep["cells"][0]["folder"]
    report = json.loads((folder / best / "reports" / "EDGE_REPORT.json").read_text())
    alone = json.loads((folder / "winner" / "reports" / "EDGE_REPORT.json").read_text())
    assert report["routes"] == alone["routes"]


def test_the_stretches_of_tape_that_were_seen_are_named(grid: Swept) -> None:
    (tape,) = grid[0]["tapes"]
    assert len(tape["tape"]) == 64
    assert tape["start"] < tape["end"]


def test_a_folder_with_anything_else_in_it_is_refused(grid: Swept, tmp_path: Path) -> None:
    _, folder, _ = grid
    assert folder.name == "mine"
    with pytest.raises(SoakError, match="winner: is not empty; allowed a folder without a run in it"):
        swept(folder.parent, *WORDS, f"hydra.sweep.dir={folder / 'winner'}")
    with pytest.raises(SoakError, match="holds no sweep to go on with"):
        swept(folder.parent, resume=tmp_path)


def test_the_same_sweep_twice_gives_the_same_table(grid: Swept, root: Path) -> None:
    _, folder, _ = swept(root, *WORDS)
    assert folder.name.startswith("sweep-")
    assert (folder / "SWEEP.json").read_bytes() == (grid[1] / "SWEEP.json").read_bytes()
    assert (folder / "SWEEP.md").read_bytes() == (grid[1] / "SWEEP.md").read_bytes()


def test_an_edit_during_the_sweep_changes_nothing(root: Path) -> None:
    def edit(_doing: str, _share: float) -> None:
        path = root / "conf" / "guards" / "standard.yaml"
        path.write_text(path.read_text().replace("loss_halt_usd: 200.0", "loss_halt_usd: 1.0"))

    _, folder, _ = swept(root, *WORDS, progress=edit)
    losses = [
        json.loads((folder / n / "run.json").read_text())["settings"]["guards"]["loss_halt_usd"] for n in "01"
    ]
    assert losses == [200.0, 200.0]


def test_a_wrong_value_in_the_last_cell_is_refused_before_the_first_runs(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"base_spread_bps_delta is 0.9; allowed 0.0 to 0.6"):
        swept(root, *QUICK, "params.base_spread_bps_delta=0.0,0.9")
    assert list((root / "artifacts" / "runs" / "soak").iterdir()) == []
    with pytest.raises(ConfigError, match="hydra/launcher=joblib is no launcher; allowed pool, ray, serial"):
        swept(root, *WORDS, launcher="joblib")
    with pytest.raises(ConfigError, match=r"hydra.sweep.subdir=x means nothing to a sweep"):
        swept(root, *WORDS, "hydra.sweep.subdir=x")
    with pytest.raises(
        SoakError, match=r"soak.clock: is wall in a sweep; allowed with quoteops soak without"
    ):
        swept(root, *WORDS, "soak.clock=wall")
    assert list((root / "artifacts" / "runs" / "soak").iterdir()) == []


def test_a_cell_that_cannot_run_is_a_row_and_hides_no_other(root: Path) -> None:
    words = ("soak.hours=0.1", "soak.iterations=2", "soak.auto_tune=false", "exchange.fee_in_base=true,false")
    sweep, folder, said = swept(root, *words)
    assert [row["cell"] for row in sweep["cells"]] == [1, 0]
    assert sweep["cells"][1]["error"].startswith("exchange.fee_in_base: true, but SYNTHUSDT is linear")
    assert (sweep["verdict"], sweep["exit_code"]) == ("NO_EFFECT", 3), (
        "a fee is the world's: nothing is tried"
    )
    assert sweep["trials"] == 1
    assert said[0] == "| soak_sweep | ERROR | cell=0 exchange.fee_in_base=true |"
    assert "NOT RUN: exchange.fee_in_base" in (folder / "SWEEP.md").read_text()
    assert json.loads((folder / "0" / "run.json").read_text())["status"] == "incomplete"


def test_a_fault_of_the_program_is_tried_again_and_hides_no_other_cell(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, tries = cell_module.play_cell, {0.0: 0, 0.1: 0, 0.6: 0}

    def faulty(*, cell: Any, **more: Any) -> Any:
        spread = cell.settings.params.base_spread_bps_delta
        tries[spread] += 1
        if spread == 0.0 or tries[spread] == 1:
            raise ZeroDivisionError("float division by zero")
        return play(cell=cell, **more)

    monkeypatch.setattr(cell_module, "play_cell", faulty)
    sweep, folder, said = swept(root, *WORDS)
    assert tries == {0.0: 2, 0.1: 2, 0.6: 2}
    assert said[0] == "| soak_sweep | RETRY | cell=present ZeroDivisionError: float division by zero |"
    assert said[1] == "| soak_sweep | RETRY | cell=0 ZeroDivisionError: float division by zero |"
    assert sweep["cells"][1]["error"] == "ZeroDivisionError: float division by zero (see 0/error.txt)"
    assert "Traceback" in (folder / "0" / "error.txt").read_text()
    assert sweep["cells"][0]["verdict"] != "ERROR"


def stopped_after_one(root: Path, *words: str) -> Path:
    """Stop a sweep after its first cell; give its folder."""

    def stop(doing: str, _share: float) -> None:
        if doing == "1 of 2 cells":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"SWEEP.json holds 1 of 2 cells; quoteops soak --resume .* plays"):
        swept(root, *words, progress=stop)
    (folder,) = (root / "artifacts" / "runs" / "soak").iterdir()
    return folder


def test_an_interrupted_sweep_goes_on_where_it_stopped(root: Path, grid: Swept) -> None:
    folder = stopped_after_one(root, *WORDS)
    sweep = json.loads((folder / "SWEEP.json").read_text())
    assert (sweep["status"], len(sweep["cells"]), sweep["planned"]) == ("incomplete", 1, 2)
    _, _, said = swept(root, resume=folder)
    assert said[0] == "| soak_sweep | RESUMED | 1 of 2 cells are done |"
    assert len(said) == 2
    assert (folder / "SWEEP.json").read_bytes() == (grid[1] / "SWEEP.json").read_bytes()


def test_a_sweep_goes_on_with_its_own_words_and_configuration_only(root: Path) -> None:
    folder = stopped_after_one(root, *WORDS)
    again = f"hydra.sweep.dir={folder}"
    with pytest.raises(
        SoakError, match="the words are others than when the sweep began; allowed a new sweep"
    ):
        swept(root, *WORDS, "soak.seed=9", again)
    with pytest.raises(ConfigError, match=r"soak.seed=9 with --resume; allowed the words it was begun with"):
        swept(root, "soak.seed=9", resume=folder)
    guards = root / "conf" / "guards" / "standard.yaml"
    before = guards.read_text()
    guards.write_text(before + "# an edit\n")
    with pytest.raises(
        SoakError, match="has changed since the sweep began; allowed a new sweep, or --resume"
    ):
        swept(root, *WORDS, again)
    (folder / "config" / "conf" / "guards" / "standard.yaml").write_text(before + "# another\n")
    with pytest.raises(SoakError, match="config/ was changed than when"):
        swept(root, resume=folder)
    (folder / "config" / "conf" / "guards" / "standard.yaml").write_text(before)
    sweep, _, said = swept(root, resume=folder)  # the configuration it began with, whatever conf/ says now
    assert sweep["status"] == "complete"
    assert len(said) == 2


def test_a_row_that_is_not_whole_is_played_again(root: Path) -> None:
    folder = stopped_after_one(root, *WORDS)
    row = folder / "0" / "run.json"
    row.write_bytes(row.read_bytes()[:-20])
    sweep, _, said = swept(root, resume=folder)
    assert (sweep["status"], len(said)) == ("complete", 2)


def test_a_killed_sweep_leaves_no_process_behind_and_goes_on(root: Path) -> None:
    """kill -9 on the command: its workers leave with it, and the table is that of an undisturbed sweep."""
    words = (*QUICK, "params.base_spread_bps_delta=0.0,0.1,0.2,0.3", "params.min_interval_ms=60,70")
    whole, _, _ = swept(root, *words)
    named = root / "killed"
    line = line_of("soak", "-m", *words, f"hydra.sweep.dir={named}")
    with subprocess.Popen(line, cwd=root, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"soak_sweep" in process.stdout.readline()
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert workers
    assert not psutil.wait_procs(workers, timeout=20)[1]
    assert json.loads((named / "SWEEP.json").read_text())["status"] == "incomplete"
    sweep, _, said = swept(root, resume=named, launcher="pool")
    assert "RESUMED" in said[0]
    assert sweep == whole


def test_the_folder_of_one_run_means_nothing_to_a_sweep(root: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"names the folder of one run; allowed hydra.sweep.dir=FOLDER with -m"
    ):
        swept(root, *WORDS, "hydra.run.dir=x")
