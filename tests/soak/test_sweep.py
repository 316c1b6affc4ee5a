"""A sweep is one soak a combination, composed before the first, ranked after the last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import framework.soak.sweep as sweep_module
from framework.compiled.records import interpreted
from framework.settings.errors import ConfigError
from framework.soak.errors import SoakError
from framework.soak.run import Interrupted, run_soak
from framework.soak.sweep import run_sweep
from tests.command import QUICK, environment, private_copy

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")

WORDS = (*QUICK, "params.base_spread_bps_delta=0.0,0.6")


Swept = tuple[dict[str, Any], Path, list[str]]


def swept(root: Path, *words: str, **more: Any) -> Swept:
    said: list[str] = []
    moved = more.get("progress", lambda _doing, _share: None)
    sweep, folder = run_sweep(words=words, say=said.append, progress=moved, root=root)
    return sweep, folder, said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return private_copy(tmp_path)


@pytest.fixture(autouse=True, scope="module")
def quiet_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name not in environment()]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Give one sweep over two values, in a folder that a word names."""
    root = private_copy(tmp_path_factory.mktemp("grid"))
    return swept(root, *WORDS, f"hydra.sweep.dir={root / 'mine'}")


def test_every_combination_is_a_full_soak_in_its_own_folder(grid: Swept) -> None:
    sweep, folder, said = grid
    assert sweep["status"] == "complete"
    assert sweep["trials"] == sweep["planned"] == 2
    for row in sweep["cells"]:
        run = json.loads((folder / row["folder"] / "run.json").read_text())
        assert run["status"] == "complete"
        spread = run["settings"]["params"]["base_spread_bps_delta"]
        assert row["label"] == f"params.base_spread_bps_delta={spread}"
        assert (folder / row["folder"] / "reports" / "report.html").is_file()
    assert [row["rank"] for row in sweep["cells"]] == [1, 2]
    assert said == [f"| soak_sweep | {row['verdict']} | cell={row['cell']} {row['label']} |"
                    for row in sorted(sweep["cells"], key=lambda row: row["cell"])]  # fmt: skip
    assert json.loads((folder / "SWEEP.json").read_text()) == sweep
    assert (folder / "SWEEP.md").read_text().startswith(f"# Sweep: {sweep['verdict']}\n")


def test_a_sweep_leaves_the_latest_run_alone(grid: Swept) -> None:
    _, folder, _ = grid
    assert not (folder.parent / "artifacts").exists()


def test_the_folder_of_a_sweep_can_be_named_and_must_be_empty(grid: Swept) -> None:
    _, folder, _ = grid
    assert folder.name == "mine"
    with pytest.raises(SoakError, match="mine: is not empty; allowed a folder without a run in it"):
        swept(folder.parent, *WORDS, f"hydra.sweep.dir={folder}")


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


def test_a_cell_that_cannot_run_is_a_row_and_hides_no_other(root: Path) -> None:
    words = ("soak.hours=0.1", "soak.iterations=2", "soak.auto_tune=false", "exchange.fee_in_base=true,false")
    sweep, folder, said = swept(root, *words)
    assert [row["cell"] for row in sweep["cells"]] == [1, 0]
    assert sweep["cells"][1]["error"].startswith("exchange.fee_in_base: true, but SYNTHUSDT is linear")
    assert (sweep["verdict"], sweep["exit_code"]) == ("ERROR", 2)
    assert sweep["trials"] == 1
    assert said[0] == "| soak_sweep | ERROR | cell=0 exchange.fee_in_base=True |"
    assert "NOT RUN: exchange.fee_in_base" in (folder / "SWEEP.md").read_text()
    assert json.loads((folder / "0" / "run.json").read_text())["status"] == "incomplete"


def test_a_fault_of_the_program_in_one_cell_hides_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*, composed: Any, **more: Any) -> Any:
        if composed.settings.params.base_spread_bps_delta == 0.0:
            raise ZeroDivisionError("float division by zero")
        return run_soak(composed=composed, **more)

    monkeypatch.setattr(sweep_module, "run_soak", faulty)
    sweep, folder, _ = swept(root, *WORDS)
    assert sweep["cells"][1]["error"] == "ZeroDivisionError: float division by zero (see 0/error.txt)"
    assert "Traceback" in (folder / "0" / "error.txt").read_text()
    assert sweep["cells"][0]["verdict"] != "ERROR"


def test_an_interrupt_keeps_the_cells_that_were_played(root: Path) -> None:
    def stop(doing: str, _share: float) -> None:
        if doing.startswith("cell 2 of 2, iteration 2"):
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"^interrupted; .*SWEEP.json holds 1 of 2 cells$"):
        swept(root, *WORDS, progress=stop)
    (folder,) = (root / "artifacts" / "runs" / "soak").iterdir()
    sweep = json.loads((folder / "SWEEP.json").read_text())
    assert (sweep["status"], len(sweep["cells"]), sweep["planned"]) == ("incomplete", 1, 2)


def test_the_folder_of_one_run_means_nothing_to_a_sweep(root: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"names the folder of one run; allowed hydra.sweep.dir=FOLDER with -m"
    ):
        swept(root, *WORDS, "hydra.run.dir=x")
