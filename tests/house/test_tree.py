"""What holds for every file of the repository."""

import ast
import re
import subprocess
import sys

import pytest

from tests.house.tree import ROOT, rooms, tracked, tracked_texts

# Written in pieces so that this file does not find itself.
MACHINE_PATHS = re.compile("/(?:work|root|farm|tmp|home)" + r"/[a-z_.]+/")
REGISTRY_HOSTS = re.compile(
    r"pypi\.(?:org|python)|python" + r"hosted\.org|registry\." + r"npmjs|static\.crates"
)
BELOW_THE_ROOMS = {"compiled"}  # the compiler cache is described with the engine that it serves


@pytest.mark.parametrize(
    ("what", "pattern"), [("paths of one machine", MACHINE_PATHS), ("registry hosts", REGISTRY_HOSTS)]
)
def test_tracked_files_speak_of_the_project_alone(what: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"{what}: " + "; ".join(found)


def test_the_pattern_for_machine_paths_finds_one() -> None:
    assert MACHINE_PATHS.search("see /" + "home/ann/quoteops")
    assert REGISTRY_HOSTS.search("--index-url https://pypi." + "org/simple")


def test_text_files_end_lines_with_lf_alone() -> None:
    wrong = [path.relative_to(ROOT).as_posix() for path in tracked() if b"\r\n" in path.read_bytes()]
    binary = (".png", ".parquet", ".npz", ".npy", ".gz", ".zip", ".zst", ".onnx")
    assert not [name for name in wrong if not name.endswith(binary)]


def test_nothing_happens_when_a_package_is_imported() -> None:
    for path in (ROOT / "framework").rglob("__init__.py"):
        body = ast.parse(path.read_text("utf-8")).body
        assert len(body) == 1, f"{path.relative_to(ROOT)}: allowed a docstring and nothing else"
        assert ast.get_docstring(ast.Module(body, [])), f"{path.relative_to(ROOT)}: no docstring"


def test_the_command_starts_without_loading_a_heavy_library() -> None:
    heavy = "{'hydra', 'numba', 'numpy', 'omegaconf', 'pyarrow', 'pydantic', 'scipy', 'yaml'}"
    code = f"import sys, framework.cli.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_room_has_its_page_and_its_tests() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    missing = []
    for room in sorted(set(rooms()) - BELOW_THE_ROOMS):
        if not (ROOT / "docs" / f"{room}.md").is_file():
            missing.append(f"docs/{room}.md does not exist")
        if f"]({room}.md)" not in index:
            missing.append(f"docs/index.md does not list {room}.md")
        if not any((ROOT / "tests" / room).rglob("test_*.py")):
            missing.append(f"tests/{room}/ holds no test_*.py")
    assert not missing, "; ".join(missing)


def test_links_between_tracked_pages_lead_somewhere() -> None:
    broken = []
    for name, text in tracked_texts():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if "://" not in target and not target.startswith("mailto:"):
                path = (ROOT / name).parent / target
                broken += [] if path.exists() or "NNNN" in target else [f"{name} -> {target}"]
    assert not broken, "; ".join(broken)
