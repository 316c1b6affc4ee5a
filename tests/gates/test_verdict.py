"""Verdicts: exit codes, and which of several wins."""

from itertools import permutations

import pytest

from framework.gates.verdict import Verdict, combine

PASS, WARN, FAIL, OPEN, ERROR = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR


def test_every_verdict_has_its_documented_exit_code() -> None:
    assert [v.exit_code for v in (PASS, WARN, FAIL, ERROR, OPEN)] == [0, 0, 1, 2, 3]


def test_only_pass_and_warn_let_a_change_through() -> None:
    assert [v for v in Verdict if v.accepted] == [PASS, WARN]


@pytest.mark.parametrize("order", list(permutations(Verdict)))
def test_the_worst_verdict_wins_in_any_order(order: tuple[Verdict, ...]) -> None:
    for worst in (ERROR, FAIL, OPEN, WARN, PASS):
        assert combine(order) is worst
        order = tuple(v for v in order if v is not worst)


def test_no_evidence_is_never_a_pass() -> None:
    assert combine([]) is OPEN
    assert combine([PASS, OPEN]) is OPEN
