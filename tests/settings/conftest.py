"""A private copy of the repository's configuration, for tests that break it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.settings.compose import Composed, compose_run

REPOSITORY = Path(__file__).parents[2]

Compose = Callable[..., Composed]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("conf", "runtime_overrides"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    return tmp_path


@pytest.fixture
def compose(root: Path) -> Compose:
    def run(*words: str, **environ: str) -> Composed:
        return compose_run(words=words, root=root, environ=environ)

    return run


@pytest.fixture
def edit(root: Path) -> Callable[[str, str, str], None]:
    """Replace a piece of a conf file; the piece must be there."""

    def replace(name: str, old: str, new: str) -> None:
        path = root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return replace
