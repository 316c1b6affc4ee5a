"""The alpha budget: no number of attempts spends more than a quarter has; the same one twice spends once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.gitops.gate.alpha_budget import Attempt, allowance, attempt_entry, quarter_of
from framework.journal.journal import Kind
from framework.settings.schema.gitops import AlphaBudget

NOW = datetime(2026, 8, 15, tzinfo=UTC)
BUDGET = AlphaBudget(alpha=0.05, share=0.5)


@dataclass(frozen=True)
class Row:
    seq: int
    at: str
    kind: Kind
    data: Mapping[str, Any]


def attempt(head: int, **changes: Any) -> Attempt:
    words = {
        "environment": "paper",
        "base_config_sha": "0" * 64,
        "head_config_sha": f"{head:064d}",
        "tapes": ("a", "b"),
        "gate_version": "1",
    }
    return Attempt(**{**words, **changes})


def journalled(attempts: list[Attempt], now: datetime = NOW) -> list[Row]:
    rows: list[Row] = []
    for one in attempts:
        given = allowance(rows, attempt=one, budget=BUDGET, now=now)
        if not given.repeated:
            rows.append(Row(len(rows) + 1, now.isoformat(), Kind.ATTEMPT, attempt_entry(one, given)))
    return rows


def test_each_attempt_spends_half_of_what_is_left() -> None:
    alphas = [row.data["alpha"] for row in journalled([attempt(k) for k in range(4)])]
    assert alphas == [0.025, 0.0125, 0.00625, 0.003125]


@given(st.lists(st.integers(0, 8), max_size=30))
def test_no_sequence_of_attempts_spends_more_than_the_budget(heads: list[int]) -> None:
    spent = [row.data["alpha"] for row in journalled([attempt(head) for head in heads])]
    assert sum(spent) < BUDGET.alpha
    assert len(spent) == len(set(heads))


def test_the_same_attempt_again_gets_what_it_got_and_spends_nothing() -> None:
    rows = journalled([attempt(1), attempt(2), attempt(3)])
    again = allowance(rows, attempt=attempt(2), budget=BUDGET, now=NOW)
    assert (again.repeated, again.number, again.alpha) == (True, 2, 0.0125)
    assert allowance(rows, attempt=attempt(4), budget=BUDGET, now=NOW).alpha == 0.003125


def test_the_order_of_the_tapes_does_not_make_another_attempt() -> None:
    assert attempt(1).key == attempt(1, tapes=("b", "a")).key


@pytest.mark.parametrize(
    "changes",
    [{"tapes": ("a",)}, {"gate_version": "2"}, {"base_config_sha": "1" * 64}, {"environment": "sandbox"}],
)
def test_anything_else_that_changes_makes_another_attempt(changes: dict[str, Any]) -> None:
    assert attempt(1).key != attempt(1, **changes).key


def test_another_environment_and_another_quarter_have_budgets_of_their_own() -> None:
    rows = journalled([attempt(1), attempt(2)])
    other = allowance(rows, attempt=attempt(3, environment="sandbox"), budget=BUDGET, now=NOW)
    later = allowance(rows, attempt=attempt(1), budget=BUDGET, now=datetime(2026, 10, 1, tzinfo=UTC))
    assert other.alpha == later.alpha == 0.025
    assert not later.repeated


def test_entries_of_other_kinds_spend_nothing() -> None:
    rows = [Row(1, NOW.isoformat(), Kind.VERDICT, {"environment": "paper"})]
    assert allowance(rows, attempt=attempt(1), budget=BUDGET, now=NOW).alpha == 0.025


def test_a_quarter_is_one_of_the_calendar_in_utc() -> None:
    assert quarter_of(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) == "2026-Q1"
    assert quarter_of(datetime.fromisoformat("2026-04-01T01:00:00+02:00")) == "2026-Q1"
    assert quarter_of(datetime(2026, 12, 1, tzinfo=UTC)) == "2026-Q4"
