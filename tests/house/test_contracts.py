"""Each import contract bites: a scratch copy with one wrong import breaks the contract that forbids it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

FLOORS, CYCLES, PURE, DOORS = "Floors", "No cycles", "Pure modules", "One door per vendor"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "framework", tmp_path / "framework", ignore=ignore)
    for name in ("pyproject.toml", "tests/house/contracts.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def broken_contracts(root: Path) -> dict[str, str]:
    """Run the linter on a copy of the tree; give each broken contract's start -> what is said."""
    code = "import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())"
    command = [sys.executable, "-c", code, "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert "Contracts:" in done.stdout, f"the linter did not run: {done.stdout}{done.stderr}"
    _, _, details = done.stdout.partition("Broken contracts")
    details = " ".join(details.split())
    lines = done.stdout.partition("Broken contracts")[0].splitlines()
    broken = " ".join(lines).replace("KEPT", "KEPT\n").replace("BROKEN", "BROKEN\n").splitlines()
    wanted = (FLOORS, CYCLES, PURE, DOORS)
    return {key: details for line in broken if "BROKEN" in line for key in wanted if key in line}


@pytest.mark.parametrize(
    ("contract", "module", "line", "says"),
    [
        (FLOORS, "market/wrong", "import framework.engine", "market"),
        (FLOORS, "compiled/wrong", "import framework.settings", "compiled"),
        (FLOORS, "attic/__init__", "", "attic"),
        (FLOORS, "engine/wrong", "from framework import soak", "engine"),
        (PURE, "quoting/wrong", "import time", "framework.quoting.wrong:1 imports time"),
        (PURE, "quoting/wrong", "import random", "framework.quoting.wrong:1 imports random"),
        (PURE, "gates/wrong", "import os.path", "framework.gates.wrong:1 imports os"),
        (PURE, "gates/wrong", "import framework.settings", "imports framework.settings"),
        (PURE, "gates/wrong", "def f():\n    from datetime import datetime", "imports datetime"),
        (PURE, "tuning/wrong", "import pydantic", "imports pydantic"),
        (PURE, "market/book", "import logging", "framework.market.book:1 imports logging"),
        (PURE, "edge/ledger", "import io", "framework.edge.ledger:1 imports io"),
        (PURE, "venue/matching/feed", "import socket", "framework.venue.matching.feed:1 imports socket"),
        (DOORS, "engine/wrong", "import hydra", "framework.engine.wrong:1 imports hydra"),
        (DOORS, "engine/wrong", "from numba import njit", "framework.engine.wrong:1 imports numba"),
        (DOORS, "edge/wrong", "import pyarrow.parquet", "framework.edge.wrong:1 imports pyarrow"),
        (DOORS, "cli/wrong", "import requests", "the table of doors does not name it"),
    ],
)
def test_a_wrong_import_breaks_its_contract(
    scratch: Path, contract: str, module: str, line: str, says: str
) -> None:
    path = scratch / "framework" / f"{module}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{line}\n", encoding="utf-8")
    broken = broken_contracts(scratch)
    assert contract in broken
    assert says in broken[contract]


def test_two_siblings_that_import_each_other_break_the_contract(scratch: Path) -> None:
    (scratch / "framework" / "market" / "a.py").write_text("import framework.market.b\n")
    (scratch / "framework" / "market" / "b.py").write_text("import framework.market.a\n")
    assert CYCLES in broken_contracts(scratch)


def test_a_pure_module_that_does_not_exist_breaks_the_contract(scratch: Path) -> None:
    (scratch / "framework" / "market" / "book.py").unlink()
    assert "framework.market.book is declared pure and does not exist" in broken_contracts(scratch)[PURE]
