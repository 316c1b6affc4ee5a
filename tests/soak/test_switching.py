"""Where profile switching would have led during a run."""

import pytest

from framework.soak.switching import switch_rows, switch_sentence
from tests.edge.builders import fill, window


def losing(halves: int, *, until_s: float | None = None) -> dict[str, object]:
    """Give fills that lose 10 bps in every half hour."""
    fills = [
        fill(k * 1800.0 + at, side, price, 1.0, m0=100.0, m=100.0, m_1s=100.0)
        for k in range(halves)
        for at, side, price in ((60.0, 1, 100.1), (120.0, -1, 99.9))
    ]
    mids = [(float(t), 100.0) for t in range(1, int(until_s or halves * 1800), 60)]
    return {"fills": fills, "mids": mids, "end_s": until_s or halves * 1800.0}


def test_the_third_losing_half_hour_would_switch_to_conservative() -> None:
    rows = switch_rows(window(**losing(4)))  # type: ignore[arg-type]
    assert [row.profile for row in rows] == ["moderate", "moderate", "conservative", "conservative"]
    assert rows[0].net_bps == pytest.approx(-10.0, rel=1e-3)
    assert switch_sentence(rows).endswith("would have gone to conservative after 1.5 h")


def test_only_whole_half_hours_are_judged() -> None:
    assert len(switch_rows(window(**losing(2, until_s=4000.0)))) == 2  # type: ignore[arg-type]
    assert switch_sentence([]) == "profile switching: no whole 30-minute window to judge"


def test_half_hours_without_fills_are_no_evidence() -> None:
    rows = switch_rows(window((), end_s=5400.0))
    assert {row.seen for row in rows} == {"no evidence"}
    assert switch_sentence(rows).endswith("would have kept moderate throughout")
