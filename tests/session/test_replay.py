"""The replay's packages: what is put in force is read back from the engine, and routes trade their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.compiled.records import at, interpreted, zeros
from framework.edge.window import chain
from framework.engine.params import fill_params
from framework.quoting.records import Params
from framework.rollout.route import CANARY, REAL, on_canary
from framework.session.replay import SoakReplay, package_in, package_of, with_package
from framework.session.routes import Canary, route_split
from framework.session.window import ReplayWindow, open_window
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.tuning.params import RUNTIME_LIMITS, Field, TuningParams, quantise
from framework.tuning.state import Delta, start_state
from framework.tuning.verify import verify
from framework.units import MINUTE
from tests.command import REPOSITORY

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")

WORDS = ("soak.hours=0.2", "soak.iterations=3", "rollout=canary", "rollout.canary_fraction=0.5")


@pytest.fixture(scope="module")
def settings() -> RunSettings:
    return compose_run(words=WORDS, root=REPOSITORY, environ={}).settings


@pytest.fixture(scope="module")
def market(settings: RunSettings) -> ReplayWindow:
    return open_window(settings=settings)


def other(package: TuningParams) -> TuningParams:
    return package.with_value(Field.SPREAD, 0.6).with_value(Field.MIN_INTERVAL, 300)


def kept_values(field: Field) -> st.SearchStrategy[float]:
    """Draw any value a parameter may have, kept to its decimals."""
    bound = RUNTIME_LIMITS[field]
    unit = 10**bound.decimals
    return st.integers(round(bound.low * unit), round(bound.high * unit)).map(
        lambda n: quantise(field, n / unit)
    )


@given(st.tuples(*(kept_values(field) for field in Field)).map(lambda values: TuningParams(*values)))
def test_any_package_is_read_back_from_the_engines_record_as_it_was(
    settings: RunSettings, market: ReplayWindow, package: TuningParams
) -> None:
    rows = zeros(Params, 1)
    fill_params(rows, settings=with_package(settings, package), instrument=market.tape.instrument)
    assert package_in(at(rows, 0)) == package


def test_what_the_engine_ran_is_its_own_word(settings: RunSettings, market: ReplayWindow) -> None:
    replay = SoakReplay(settings=settings, market=market)
    start = package_of(settings)
    replay.run(start)
    assert replay.package_in_force() == start
    replay.run(other(start))
    assert replay.package_in_force() == other(start)


def test_an_order_that_never_came_into_force_is_found(settings: RunSettings, market: ReplayWindow) -> None:
    replay = SoakReplay(settings=settings, market=market)
    start = package_of(settings)
    replay.run(start)
    replay._put_in_force = lambda package, k: None  # type: ignore[method-assign]
    replay.run(other(start))
    ran = replay.package_in_force()
    assert ran == start
    pending = (Delta(Field.SPREAD, start.base_spread_bps_delta, 0.6),)
    state = start_state(params=start)
    found = verify(state=type(state)(trails=state.trails, expected=other(start), pending=pending), params=ran)
    assert [miss.field for miss in found.misses] == [Field.SPREAD]


def test_iterations_chain_into_the_whole(settings: RunSettings, market: ReplayWindow) -> None:
    replay = SoakReplay(settings=settings, market=market)
    windows = [replay.run(package_of(settings)) for _ in range(3)]
    joined, whole = chain(windows), replay.whole()
    assert joined.counters == whole.counters
    assert joined.closing == whole.closing
    assert np.array_equal(joined.audit, whole.audit)
    assert len(whole.fills) > 10


def test_each_minute_trades_the_package_of_its_route(settings: RunSettings, market: ReplayWindow) -> None:
    baseline = other(package_of(settings))
    symbol = market.tape.instrument.symbol
    replay = SoakReplay(settings=settings, market=market, canary=Canary(symbol, baseline))
    for _ in range(3):
        replay.run(package_of(settings))
    packages = {CANARY: package_of(settings), REAL: baseline}
    versions = replay.timeline.versions
    assert {version.route for version in versions} == {CANARY, REAL}
    for k, version in enumerate(versions):
        assert package_in(at(replay.params, k)) == packages[version.route] == package_of(version.settings)
    samples = replay.whole().samples
    for row in samples[samples["ts_ns"] % MINUTE != 0]:
        chosen = on_canary(
            seed=settings.rollout.rng_seed,
            symbol=symbol,
            minute=int(row["ts_ns"]) // MINUTE,
            fraction=settings.rollout.canary_fraction,
        )
        assert versions[row["params_version"]].route == (CANARY if chosen else REAL)


def test_the_split_by_route_adds_up_to_the_whole(settings: RunSettings, market: ReplayWindow) -> None:
    baseline = other(package_of(settings))
    symbol = market.tape.instrument.symbol
    replay = SoakReplay(settings=settings, market=market, canary=Canary(symbol, baseline))
    for _ in range(3):
        replay.run(package_of(settings))
    whole = replay.whole()
    split = route_split(
        window=whole,
        versions=replay.timeline.versions,
        end_ns=market.end_ns,
        guard=settings.rollout_guard,
    )
    both = (split[CANARY], split[REAL])
    assert sum(row["fills"] for row in both) == len(whole.fills)
    assert sum(row["minutes"] for row in both) == pytest.approx(12.0)
    turnover = float((whole.fills["price"] * whole.fills["qty"]).sum())
    assert sum(row["turnover_quote"] for row in both) == pytest.approx(turnover)
    guard = split["guard"]
    assert 0 < guard[CANARY]["lots"] + guard[REAL]["lots"] <= len(whole.fills)
    assert all(0 <= guard[route]["wins"] <= guard[route]["lots"] for route in (CANARY, REAL))
    assert guard["roll_back"] in ("yes", "no", "insufficient")
    assert split["difference"]["5s"]["bps"] == pytest.approx(
        split[CANARY]["markout_net"]["5s"]["bps"] - split[REAL]["markout_net"]["5s"]["bps"]
    )


def test_a_canary_of_everything_is_the_run_without_one(settings: RunSettings, market: ReplayWindow) -> None:
    everything = settings.rollout.model_copy(update={"canary_fraction": 1.0})
    settings = settings.model_copy(update={"rollout": everything})
    start = package_of(settings)
    canary = Canary("S", other(start))
    plain, routed = (SoakReplay(settings=settings, market=market, canary=c) for c in (None, canary))
    for _ in range(3):
        plain.run(start)
        routed.run(start)
    assert plain.whole().fills.tobytes() == routed.whole().fills.tobytes()


def test_progress_reaches_the_end_of_every_iteration(settings: RunSettings, market: ReplayWindow) -> None:
    shares: list[float] = []
    SoakReplay(settings=settings, market=market).run(package_of(settings), moved=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
