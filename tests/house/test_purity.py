"""What an import contract cannot see: built-ins and attributes of numpy that do I/O or draw."""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import ROOT

BUILTINS = {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"}
# numpy is allowed; its generator and its files are not.
NUMPY = {"fromfile", "genfromtxt", "load", "loadtxt", "memmap", "random", "save", "savetxt", "savez"}


def pure_modules() -> list[Path]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    names = [
        n for contract in config["contracts"] if contract["type"] == "pure" for n in contract["pure_modules"]
    ]
    found: list[Path] = []
    for name in names:
        base = ROOT.joinpath(*name.split("."))
        found += sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    return found


def impurities(source: str) -> list[str]:
    """Name each forbidden built-in that is used and each forbidden attribute of numpy."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id in BUILTINS:
            found.append(f"line {node.lineno}: {node.id}")
        if isinstance(node, ast.Attribute) and node.attr in NUMPY and isinstance(node.value, ast.Name):
            found += [f"line {node.lineno}: np.{node.attr}"] * (node.value.id in ("np", "numpy"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "numpy":
            parts = {*(node.module or "").split("."), *(alias.name for alias in node.names)} & NUMPY
            found += [f"line {node.lineno}: numpy {', '.join(sorted(parts))}"] if parts else []
        if isinstance(node, ast.Global):
            found.append(f"line {node.lineno}: global {', '.join(node.names)}")
    return found


def test_coverage_measures_exactly_the_pure_modules() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["coverage"]["report"]
    measured = {path for pattern in config["include"] for path in ROOT.glob(pattern)}
    wanted = {path for path in pure_modules() if path.is_file()}
    assert {path for path in measured if path.suffix == ".py"} == wanted


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_pure_module_reads_and_writes_nothing_and_draws_nothing(path: Path) -> None:
    assert impurities(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nx = np.random.default_rng()",
        "from numpy.random import default_rng",
        "from numpy import random",
        "print(1)",
        "def f():\n    return open('x')",
        "n = 0\ndef f():\n    global n\n    n = 1",
    ],
)
def test_the_reader_sees_an_impurity(source: str) -> None:
    assert impurities(source)
