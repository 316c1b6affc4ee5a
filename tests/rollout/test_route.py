"""The vote of a unit: the same in every process, and cut into stretches that cover the time exactly."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.rollout.route import CANARY, REAL, on_canary, stretches
from framework.units import MINUTE

MINUTES = range(28_936_000, 28_946_000)


def test_the_vote_is_the_first_eight_bytes_of_the_digest_over_two_to_the_64() -> None:
    digest = hashlib.sha256(b"1337:BTCUSDT:28936000").digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    assert share == pytest.approx(0.87239, abs=5e-6)
    vote = {"seed": 1337, "symbol": "BTCUSDT", "minute": 28_936_000}
    assert not on_canary(**vote, fraction=share - 1e-9)  # type: ignore[arg-type]
    assert on_canary(**vote, fraction=share + 1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0.0), (0.1, 0.1), (0.5, 0.5), (1.0, 1.0)])
def test_the_share_of_minutes_on_the_canary_route_is_the_fraction(fraction: float, expected: float) -> None:
    votes = [on_canary(seed=7, symbol="ETHUSDT", minute=m, fraction=fraction) for m in MINUTES]
    assert sum(votes) / len(votes) == pytest.approx(expected, abs=0.015)


def test_a_larger_fraction_keeps_every_unit_that_a_smaller_one_chose() -> None:
    for minute in MINUTES[:500]:
        votes = [on_canary(seed=1, symbol="X", minute=minute, fraction=f / 20) for f in range(21)]
        assert votes == sorted(votes)


def test_symbols_and_seeds_are_routed_apart() -> None:
    def votes(seed: int, symbol: str) -> list[bool]:
        return [on_canary(seed=seed, symbol=symbol, minute=m, fraction=0.5) for m in MINUTES[:200]]

    assert votes(1, "BTCUSDT") != votes(1, "ETHUSDT") != votes(2, "ETHUSDT")


@given(
    start=st.integers(0, 10**18),
    length=st.integers(1, 60 * MINUTE),
    fraction=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**63 - 1),
)
def test_stretches_begin_at_the_start_change_at_whole_minutes_and_never_repeat_a_route(
    start: int, length: int, fraction: float, seed: int
) -> None:
    found = stretches(seed=seed, symbol="S", fraction=fraction, start_ns=start, end_ns=start + length)
    assert found[0][0] == start
    assert all(ns % MINUTE == 0 for ns, _ in found[1:])
    assert all(a[0] < b[0] and a[1] != b[1] for a, b in pairwise(found))
    assert found[-1][0] < start + length
    for (ns, route), (end, _) in pairwise([*found, (start + length, "")]):
        for minute in {ns // MINUTE, (end - 1) // MINUTE}:
            chosen = on_canary(seed=seed, symbol="S", minute=minute, fraction=fraction)
            assert route == (CANARY if chosen else REAL)


def test_no_time_has_no_stretches() -> None:
    with pytest.raises(ValueError, match="not after"):
        stretches(seed=1, symbol="S", fraction=0.5, start_ns=5, end_ns=5)
