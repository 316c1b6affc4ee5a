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
from framework.session.routes import route_split, spans
from framework.session.window import ReplayWindow, open_window
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.tuning.params import RUNTIME_LIMITS, Field, TuningParams, quantise
from framework.tuning.state import Delta, start_state
from framework.tuning.verify import verify
from framework.units import MINUTE
from tests.command import REPOSITORY

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")

WIDE = ("rollout.candidate.base_spread_bps_delta=0.6", "rollout.candidate.min_interval_ms=300")
HALF = ("rollout=canary", "rollout.canary_fraction=0.5", *WIDE)
WORDS = ("soak.hours=0.2", "soak.iterations=3")


@pytest.fixture(scope="module")
def settings() -> RunSettings:
    return compose_run(words=WORDS, root=REPOSITORY, environ={}).settings


@pytest.fixture(scope="module")
def routed() -> RunSettings:
    return compose_run(words=(*WORDS, *HALF), root=REPOSITORY, environ={}).settings


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
    words = (*WORDS, "params.base_spread_bps_delta=0.6", "params.min_interval_ms=300")
    asked = compose_run(words=words, root=REPOSITORY, environ={}).settings
    shas = [version.config_sha for version in replay.timeline.versions]
    assert shas == [settings.config_sha, asked.config_sha]


def test_an_order_that_never_came_into_force_is_found(settings: RunSettings, market: ReplayWindow) -> None:
    replay = SoakReplay(settings=settings, market=market)
    start = package_of(settings)
    replay.run(start)
    replay.begin = lambda package: None  # type: ignore[method-assign]
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


def test_each_minute_trades_the_composition_of_its_route(
    settings: RunSettings, routed: RunSettings, market: ReplayWindow
) -> None:
    symbol = market.tape.instrument.symbol
    replay = SoakReplay(settings=routed, market=market)
    for _ in range(3):
        replay.run(package_of(routed))
    packages = {CANARY: other(package_of(settings)), REAL: package_of(settings)}
    versions = replay.timeline.versions
    assert {version.route for version in versions} == {CANARY, REAL}
    for k, version in enumerate(versions):
        assert package_in(at(replay.params, k)) == packages[version.route] == package_of(version.settings)
        assert (version.config_sha == routed.baseline.config_sha) == (version.route == REAL)
    settings = routed
    samples = replay.whole().samples
    for row in samples[samples["ts_ns"] % MINUTE != 0]:
        chosen = on_canary(
            seed=settings.rollout.rng_seed,
            symbol=symbol,
            minute=int(row["ts_ns"]) // MINUTE,
            fraction=settings.rollout.canary_fraction,
        )
        assert versions[row["params_version"]].route == (CANARY if chosen else REAL)


def test_the_split_by_route_adds_up_to_the_whole(routed: RunSettings, market: ReplayWindow) -> None:
    replay, settings = SoakReplay(settings=routed, market=market), routed
    for _ in range(3):
        replay.run(package_of(settings))
    whole = replay.whole()
    split = route_split(
        window=whole,
        versions=replay.timeline.versions,
        end_ns=market.end_ns,
        guard=settings.rollout_guard,
    )
    both = (split.canary, split.real)
    assert sum(route.fills for route in both) == len(whole.fills)
    assert sum(route.minutes for route in both) == pytest.approx(12.0)
    turnover = float((whole.fills["price"] * whole.fills["qty"]).sum())
    assert sum(route.turnover_quote for route in both) == pytest.approx(turnover)
    lots = (split.guard.canary, split.guard.real)
    assert 0 < sum(route.lots for route in lots) <= len(whole.fills)
    assert all(0 <= route.wins <= route.lots for route in lots)
    assert split.guard.roll_back in ("yes", "no", "insufficient")
    ours, theirs = (route.markout_net["5s"].bps for route in both)
    assert ours is not None
    assert theirs is not None
    assert split.difference["5s"].bps == pytest.approx(ours - theirs)


@pytest.mark.parametrize(
    ("words", "same_as"),
    [
        (
            ("rollout=canary", "rollout.canary_fraction=1.0", *WIDE),
            ("base_spread_bps_delta", "min_interval_ms"),
        ),
        (("rollout=full", *WIDE), ("base_spread_bps_delta", "min_interval_ms")),
        (("rollout=canary", "rollout.canary_fraction=0.0", *WIDE), ()),
        (("rollout=disabled", *WIDE), ()),
        (("rollout=canary", "rollout.canary_fraction=0.5", "rollout.candidate={}"), ()),
    ],
    ids=["canary of everything", "full", "canary of nothing", "disabled", "nothing to try"],
)
def test_what_trades_alone_trades_as_if_there_were_no_rollout(
    market: ReplayWindow, words: tuple[str, ...], same_as: tuple[str, ...]
) -> None:
    values = {"base_spread_bps_delta": "0.6", "min_interval_ms": "300"}
    plainly = [f"params.{name}={values[name]}" for name in same_as]
    fills = []
    for chosen in (words, plainly):
        settings = compose_run(words=(*WORDS, *chosen), root=REPOSITORY, environ={}).settings
        replay = SoakReplay(settings=settings, market=market)
        for _ in range(3):
            replay.run(package_of(settings))
        fills.append(replay.whole().fills)
    whole, plain = fills
    for name in set(whole.dtype.names) - {"params_version", "route"}:
        assert whole[name].tobytes() == plain[name].tobytes(), name


def test_a_minute_that_began_on_real_ends_on_it_and_going_back_is_at_once(routed: RunSettings) -> None:
    start = next(
        minute * MINUTE
        for minute in range(1000)
        if [on_canary(seed=1337, symbol="S", minute=m, fraction=0.5) for m in (minute, minute + 1)]
        == [True, True]
    )
    later = start + MINUTE // 2

    def cut(settings: RunSettings, running: str | None) -> list[tuple[int, str]]:
        found = spans(settings, symbol="S", start_ns=later, end_ns=start + 2 * MINUTE, running=running)
        return [(ns - start, route) for ns, route, _ in found]

    half = MINUTE // 2
    assert cut(routed, CANARY) == cut(routed, None) == [(half, CANARY)]
    assert cut(routed, REAL) == [(half, REAL), (MINUTE, CANARY)]
    assert cut(routed.baseline, CANARY) == [(half, REAL)]


def test_progress_reaches_the_end_of_every_iteration(settings: RunSettings, market: ReplayWindow) -> None:
    shares: list[float] = []
    SoakReplay(settings=settings, market=market).run(package_of(settings), moved=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
