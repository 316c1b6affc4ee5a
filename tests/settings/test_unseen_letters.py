"""Letters that people do not see, and numbers that are nothing: refused where they are written."""

from __future__ import annotations

import json

import pytest

from framework.files.printable import one_line, unseen
from framework.settings.patch import examine

UNSEEN = {
    "U+0007": "\x07", "U+001B": "\x1b", "U+0085": "\x85", "U+009B": "\x9b", "U+00AD": "\xad",
    "U+200B": "\u200b", "U+200F": "\u200f", "U+2028": "\u2028", "U+2029": "\u2029",
    "U+202E": "\u202e", "U+2066": "\u2066",
    "U+FEFF": "\ufeff",
}  # fmt: skip
HEAD = "reason: r\nowner: o\noverrides:\n"


def yaml_fault(text: str) -> str:
    patch, faults = examine(text, where="p.yaml")
    assert patch is None, patch
    return faults[0]


def json_fault(text: str) -> str:
    patch, faults = examine(text, where="p.json", json=True)
    assert patch is None, patch
    return faults[0]


@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize(
    "text",
    [
        "reason: r{}r\nowner: o\noverrides:\n  min_interval_ms: 60\n",
        "reason: r\nowner: o\noverrides:\n  min_interval_ms: 60 # {}\n",
        "reason: r\nowner: o\noverrides:\n  base_spread_bps_delta: 0.1{}  min_interval_ms: 60\n",
        "reason: r\nowner: o\noverrides:\n  min_interval_ms{}: 60\n",
    ],
)
def test_a_letter_nobody_sees_is_refused_wherever_it_stands(name: str, text: str) -> None:
    assert yaml_fault(text.replace("{}", UNSEEN[name])).startswith("p.yaml:")


@pytest.mark.parametrize("name", UNSEEN)
def test_an_escape_hides_none(name: str) -> None:
    escaped = json.dumps(UNSEEN[name])[1:-1]
    assert name in yaml_fault(f'reason: "r{escaped}"\nowner: o\noverrides: {{min_interval_ms: 60}}\n')
    assert name in json_fault(f'{{"reason":"r{escaped}","owner":"o","overrides":{{"min_interval_ms":60}}}}')


def test_letters_of_other_scripts_tabs_and_windows_ends_of_lines_are_allowed() -> None:
    patch, _ = examine(
        "reason: für Müller — 数量 ± 0,1\t# x\r\nowner: o\r\noverrides:\r\n  min_interval_ms: 60\r\n",
        where="p.yaml",
    )
    assert patch is not None
    assert patch.reason == "für Müller — 数量 ± 0,1"


def test_a_reason_of_several_lines_is_one_in_every_log() -> None:
    patch, _ = examine(
        "reason: |\n  wider\n  | gitops | Synced |\nowner: o\noverrides:\n  min_interval_ms: 60\n",
        where="p.yaml",
    )
    assert patch is not None
    assert patch.reason == "wider | gitops | Synced |"


@pytest.mark.parametrize("number", ["1e-400", "-1e-400", "0.0000001e-330", "0." + "0" * 5000 + "1"])
def test_a_number_too_small_to_be_told_from_nothing_is_refused(number: str) -> None:
    assert "too small to be told from 0" in yaml_fault(f"{HEAD}  base_spread_bps_delta: {number}\n")
    assert "too small to be told from 0" in json_fault(f'{{"base_spread_bps_delta":{number}}}')


@pytest.mark.parametrize("number", ["0.0", "0e-400", "5e-324", "0"])
def test_nothing_itself_and_the_smallest_number_are_read(number: str) -> None:
    assert examine(f"{HEAD}  base_spread_bps_delta: {number}\n", where="p.yaml")[0] is not None


def test_one_line_shows_what_is_hidden_as_question_marks() -> None:
    assert one_line("a\x1b[2J\n b\u202ec") == "a?[2J b?c"
    assert unseen("plain") == ""
