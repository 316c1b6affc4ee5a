"""Lines on a terminal: folded between words, the verdict in colour; anywhere else as they are."""

from __future__ import annotations

import io

import pytest

from framework.cli.show import Show, coloured, fold


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


LONG = "| kpi_gate | FAIL | REASONS=EDGE:net,EDGE:adverse,EDGE:slippage,EDGE:order_age,EDGE:cancel_ratio |"


def test_a_long_line_is_folded_between_words_and_loses_none() -> None:
    folded = fold(LONG, columns=80)
    assert folded.split() == LONG.split()
    assert folded.splitlines()[1].startswith("  ")
    said = fold("one two three " * 12, columns=40)
    assert max(map(len, said.splitlines())) <= 40


def test_a_list_longer_than_a_line_is_broken_behind_its_commas() -> None:
    folded = fold(LONG, columns=40)
    assert max(map(len, folded.splitlines())) <= 40
    assert all(line.endswith((",", "|")) for line in folded.splitlines())
    assert "".join(folded.split()) == "".join(LONG.split())


def test_what_is_indented_goes_on_under_itself() -> None:
    assert fold("  note: one two three four five", columns=20).splitlines() == [
        "  note: one two",
        "    three four five",
    ]


def test_a_word_longer_than_the_terminal_stays_whole() -> None:
    path = "/" + "a" * 120
    assert path in fold(f"report: {path}", columns=80).splitlines()[-1]


@pytest.mark.parametrize("line", ["  base  to  unit", "short", "a   b"])
def test_what_fits_keeps_its_blanks(line: str) -> None:
    assert fold(line, columns=80) == line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("BETTER: x=1", "\x1b[32mBETTER\x1b[0m: x=1"),
        ("better? TOO QUIET: +1", "better? \x1b[31mTOO QUIET\x1b[0m: +1"),
        ("| kpi_gate | PASS |", "| kpi_gate | PASS |"),
        ("FAIL: net", "FAIL: net"),
        ("KPI scaled: INCONCLUSIVE: x", "KPI scaled: \x1b[33mINCONCLUSIVE\x1b[0m: x"),
        ("the word FAIL in a sentence", "the word FAIL in a sentence"),
        ("PASSAGE", "PASSAGE"),
    ],
)
def test_the_verdict_a_line_begins_with_is_coloured(line: str, shown: str) -> None:
    assert coloured(line) == shown


def test_colour_is_for_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(out: io.StringIO) -> str:
        with Show(out=out) as show:
            show.line("KPI scaled: FAIL: net")
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert said(io.StringIO()) == "KPI scaled: FAIL: net\n"
    assert "\x1b[31mFAIL\x1b[0m" in said(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert said(Terminal()) == "KPI scaled: FAIL: net\n"
