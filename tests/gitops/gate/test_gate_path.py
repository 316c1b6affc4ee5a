"""How many files a reader of one gate has to follow: the path only gets straighter."""

from pathlib import Path

import pytest

from framework.compiled.records import interpreted
from tests.gitops.gate_path import gate_path

pytestmark = pytest.mark.skipif(interpreted(), reason="a replay of half an hour needs the compiled code")

MOST_FILES = 26
MOST_OF_ITS_OWN = 18


def test_a_gate_that_judges_and_publishes_enters_few_files(tmp_path: Path) -> None:
    path = gate_path(tmp_path)
    assert path.printed.splitlines()[-1].startswith("INCONCLUSIVE: "), "it was judged on its tape"
    assert (tmp_path / "out" / "bundles").is_dir()
    assert len(path.entries) <= MOST_FILES, sorted(path.entries)
    assert len(path.own) <= MOST_OF_ITS_OWN, path.own
