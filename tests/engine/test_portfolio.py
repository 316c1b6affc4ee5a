"""Several symbols on one account: alone where no limit of the sum binds, together where one does."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from framework.compiled.records import at, interpreted
from framework.engine.portfolio import Portfolio
from framework.engine.replay import Replay
from framework.quoting.records import LOSS
from framework.units import MS
from tests.engine.tapes import Row, ask, bid, clear, latency, ns, opening, quoter, quoting, sold, venue
from tests.properties.markets import conventions, knobs, market
from tests.properties.test_replay_properties import DELAYS, SEEDS, end_of, everything


@settings(max_examples=8 if interpreted() else 40)
@given(SEEDS, knobs(), conventions(), DELAYS)
def test_two_symbols_leave_what_each_leaves_alone_where_no_limit_of_the_account_binds(
    seed: int, values: dict[str, Any], rules: dict[str, Any], delays: tuple[float, float, float]
) -> None:
    feed, entry, response = delays

    def made(which: int) -> Replay:
        return quoter(
            market(seed=seed + which, events=120),
            quoting(**values),
            rules=venue(**rules),
            delays=latency(feed=feed, entry=entry, response=response),
        )

    alone, together = [made(0), made(1)], [made(0), made(1)]
    until = max(map(end_of, alone))
    for replay in alone:
        replay.advance(until, end_runs=True)
    Portfolio(replays=together, grid_ns=7 * MS).advance(until, end_runs=True)
    assert [everything(replay) for replay in together] == [everything(replay) for replay in alone]


def falling(ms: float) -> list[Row]:
    """Ten lots are bought on the way, then the market stands at 900: about a dollar is lost."""
    return [*opening(), sold(50, 9995, 9), clear(ms), bid(ms, 8999, 1_000), ask(ms, 9001, 1_000)]


def pair(*, second_ms: float = 100.0, **values: Any) -> Portfolio:
    replays = [quoter(falling(ms), quoting(**values)) for ms in (100.0, second_ms)]
    return Portfolio(replays=replays)


def test_a_loss_that_no_symbol_has_alone_halts_both() -> None:
    both = pair(second_ms=3_000.0, loss_halt=1.5)
    both.advance(ns(2_900))
    assert at(both.account, 0).loss_halted == 0  # one of them has lost about a dollar
    both.advance(ns(4_000))
    assert [at(replay.desk, 0).halted for replay in both.replays] == [LOSS, LOSS]
    assert 1.5 < at(both.account, 0).day_loss < 2.1
    alone = quoter(falling(100.0), quoting(loss_halt=1.5))
    alone.advance(ns(4_000))
    assert at(alone.desk, 0).halted == 0


def test_what_one_symbol_binds_the_other_cannot_spend() -> None:
    values = {"equity_start": 5.0, "min_free_balance": 4.2, "leverage": 10.0}
    both = pair(second_ms=400.0, **values)
    both.advance(ns(90))
    assert all(at(replay.desk, 0).quote_lots > 0 for replay in both.replays)
    both.advance(ns(900))
    assert [at(replay.desk, 0).quote_lots for replay in both.replays] == [0, 0]
