"""The lock files: pinned, hashed, free of indexes, and in step with pyproject.toml."""

import ast
import functools
import re
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.house.tree import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Parts of a library that have a distribution of their own; the library pins them.
PARTS = {
    "pydantic-core": "pydantic",
    "annotated-types": "pydantic",
    "antlr4-python3-runtime": "omegaconf",
    "llvmlite": "numba",
}


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


# The machines that one lock serves; a marker is true on one of them or on none.
MACHINES = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
)
Wanted = dict[str, set[str]]


def requirements_of(name: str, version: str, lock: Path) -> list[Requirement]:
    """Read what a distribution of the lock asks for, from the installed one of that very version."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        pytest.skip(f"{lock.name}: {name} is not installed here, so what it asks for cannot be read")
    if found.version != version:
        pytest.skip(f"{lock.name}: {name} {version} is locked, {found.version} is installed here")
    return [Requirement(text) for text in found.requires or []]


def unmet(
    declared: list[Requirement], locked: dict[str, str], read: Callable[[str], list[Requirement]]
) -> list[str]:
    """Follow every requirement, extras included, on every machine; give those the lock does not meet."""
    return followed(declared, locked, read)[0]


def followed(
    declared: list[Requirement], locked: dict[str, str], read: Callable[[str], list[Requirement]]
) -> tuple[list[str], set[str]]:
    """Give what the lock does not meet, and the names somebody asks for on some machine."""
    missing: list[str] = []
    names: set[str] = set()
    for machine in MACHINES:
        asked: Wanted = {}
        waiting = [("pyproject.toml", {""}, requirement) for requirement in declared]
        while waiting:
            owner, extras, requirement = waiting.pop()
            marker = requirement.marker
            if marker and not any(marker.evaluate({**machine, "extra": extra}) for extra in extras):
                continue
            name = canonical(requirement.name)
            if name not in locked or not requirement.specifier.contains(locked[name], prereleases=True):
                missing.append(f"{owner} asks for {requirement}; locked is {locked.get(name, 'nothing')}")
                continue
            names.add(name)
            known = asked.setdefault(name, set())
            new = {"", *requirement.extras} - known
            if new:
                known |= new
                waiting += [(name, set(known), inner) for inner in read(name)]
    return sorted(set(missing)), names


@pytest.mark.parametrize(("lock", "extras"), [("core", ()), ("dev", ("dev",)), ("ray", ("ray",))])
def test_a_lock_is_closed_so_that_nothing_is_ever_resolved(lock: str, extras: tuple[str, ...]) -> None:
    path = ROOT / "requirements" / f"{lock}.txt"
    locked = {name: version for name, (version, _) in pins(path).items()}
    texts = [
        *PROJECT["dependencies"],
        *(t for extra in extras for t in PROJECT["optional-dependencies"][extra]),
    ]
    read = functools.cache(lambda name: requirements_of(name, locked[name], path))
    missing, asked = followed([Requirement(text) for text in texts], locked, read)
    assert not missing
    assert not set(locked) - asked, "locked and asked for by nobody"


def test_a_missing_extra_and_a_version_out_of_range_are_noticed() -> None:
    asks = {
        "a": [Requirement("b[toml]>=2"), Requirement("c; extra == 'x'")],
        "b": [Requirement("t; extra == 'toml'")],
    }

    def missing(first: str, locked: dict[str, str]) -> list[str]:
        return unmet([Requirement(first)], locked, lambda name: asks.get(name, []))

    assert missing("a", {"a": "1", "b": "2", "t": "1"}) == []
    assert missing("a", {"a": "1", "b": "2"}) == ['b asks for t; extra == "toml"; locked is nothing']
    assert missing("a", {"a": "1", "b": "1", "t": "1"}) == ["a asks for b[toml]>=2; locked is 1"]
    assert missing("a[x]", {"a": "1", "b": "2", "t": "1"}) == [
        'a asks for c; extra == "x"; locked is nothing'
    ]


def test_nothing_is_installed_by_resolving() -> None:
    recipes = [
        ROOT / "Makefile",
        ROOT / ".ci" / "run",
        *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    ]
    for recipe in recipes:
        text = re.sub(r"\$\(PIP_SYNC\)", "pip install --no-deps", recipe.read_text("utf-8")).replace(
            "\\\n", " "
        )
        for line in text.splitlines():
            assert not re.search(r"\binstall\b", line) or "pip" not in line.lower() or "--no-deps" in line, (
                f"{recipe.name}: {line}"
            )
