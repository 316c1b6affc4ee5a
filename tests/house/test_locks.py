"""The lock files: pinned, hashed, free of indexes, and in step with pyproject.toml."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Parts of pydantic that have a distribution of their own; pydantic pins them.
PARTS = {"pydantic-core": "pydantic", "annotated-types": "pydantic", "antlr4-python3-runtime": "omegaconf"}


def pins(lock: Path) -> dict[str, tuple[str, int]]:
    """Return name -> (version, number of hashes); refuse a line that is neither a pin nor a hash."""
    found: dict[str, tuple[str, int]] = {}
    name = ""
    for number, raw in enumerate(lock.read_text("utf-8").splitlines(), 1):
        line = raw.partition("#")[0].strip().removesuffix("\\").strip()
        if pin := re.fullmatch(r"([a-z0-9._-]+)==([A-Za-z0-9.+!]+)", line):
            name = canonical(pin[1])
            found[name] = (pin[2], 0)
        elif re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) and name:
            found[name] = (found[name][0], found[name][1] + 1)
        else:
            assert not line, f"{lock.name}:{number}: {line!r}; allowed name==version and --hash=sha256:..."
    return found


def canonical(name: str) -> str:
    """Give a distribution's name as the registry compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    return {canonical(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]) for text in requirements}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_pins_with_hashes_and_nothing_else(lock: Path) -> None:
    found = pins(lock)
    assert found
    assert not [name for name, (_, hashes) in found.items() if hashes == 0]


@pytest.mark.parametrize("line", ["--index-url https://example.com", "numpy>=2", "x @ file:///x.whl"])
def test_the_reader_of_locks_refuses_what_is_not_a_pin(line: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(line + "\n")
    with pytest.raises(AssertionError):
        pins(tmp_path / "bad.txt")


def test_the_developer_lock_contains_the_core_lock() -> None:
    core, dev = pins(ROOT / "requirements" / "core.txt"), pins(ROOT / "requirements" / "dev.txt")
    assert not {name: version for name, version in core.items() if dev.get(name) != version}


def test_every_declared_dependency_is_locked() -> None:
    extras = PROJECT["optional-dependencies"]
    assert declared(PROJECT["dependencies"]) <= set(pins(ROOT / "requirements" / "core.txt"))
    assert declared(extras["dev"]) <= set(pins(ROOT / "requirements" / "dev.txt"))


def imported_distributions() -> set[str]:
    owners = packages_distributions()
    found: set[str] = set()
    for path in (ROOT / "framework").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                found |= {canonical(owner) for owner in owners.get(name.partition(".")[0], [])}
    return {PARTS.get(name, name) for name in found} - {"quoteops"}


def test_the_framework_imports_the_core_dependencies_and_no_others() -> None:
    extras = PROJECT["optional-dependencies"]
    core = declared(PROJECT["dependencies"])
    optional = set().union(*(declared(wanted) for extra, wanted in extras.items() if extra != "dev"))
    used = imported_distributions()
    assert not used - core - optional, "imported and not declared"
    assert not core - used, "declared and not imported: a first soak would install them for nothing"
