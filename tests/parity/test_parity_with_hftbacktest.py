"""The same order script gives the same fills here and in hftbacktest's no-partial-fill mode, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from benchmarks import reference_tape
from benchmarks.oracle_env import MISSING, oracle_python
from benchmarks.parity import Case, Outcome, Setting, cases, first_difference, play_oracle, play_ours, whole
from framework.compiled.records import interpreted
from framework.market.importers.assemble import InstrumentFlags, assemble
from framework.market.importers.collector import read_collector
from framework.market.tape import Tape
from tests.realdata import realdata

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(oracle_python() is None, reason=MISSING),
    pytest.mark.skipif(
        interpreted(), reason="the engine's loop is too slow over whole tapes when interpreted"
    ),
]

RECORDINGS = {
    "btc": ("hftbt_usdm_btcusdt_20240718.gz", "hftbt_usdm_btcusdt_20240719.gz"),
    "nexo": ("jf_spot_nexousdt_20240723.dat.gz", "jf_spot_nexousdt_20240724.dat.gz"),
}
Answers = Mapping[str, tuple[Case, Outcome]]


def asked(todo: list[Case]) -> Answers:
    """Ask the oracle once for all cases: its process compiles for seconds before it answers."""
    return {case.name: (case, told) for case, told in zip(todo, play_oracle(cases=todo), strict=True)}


@pytest.fixture(scope="module")
def synthetic() -> Answers:
    cols = reference_tape.columns(seed=11, depth_rows=60_000, trade_rows=40_000)
    return asked(cases(tapes={"reference": reference_tape.as_tape(cols=cols)}, seeds=1, orders=800))


@pytest.mark.parametrize("style", ["wide", "touch"])
@pytest.mark.parametrize("queue", ["risk_averse", "prob_power"])
def test_random_scripts_on_the_reference_market_fill_alike(
    synthetic: Answers, queue: str, style: str
) -> None:
    case, oracle = synthetic[f"reference {queue} {style} seed 0"]
    ours = play_ours(case=case)
    assert first_difference(ours=ours, oracle=oracle) is None
    assert len(ours.fills) > 100
    assert ours.refused > 100


def test_a_wrong_queue_power_is_noticed(synthetic: Answers) -> None:
    case, oracle = synthetic["reference prob_power touch seed 0"]
    wrong = replace(case, setting=Setting(queue="prob_power", queue_power=1))
    assert first_difference(ours=play_ours(case=wrong), oracle=oracle) is not None


def recorded(name: str) -> Tape:
    paths = [realdata("tapes", file) for file in RECORDINGS[name]]
    return whole(tape=assemble(recording=read_collector(paths=paths, symbol=None), flags=InstrumentFlags()))


@pytest.mark.realdata
@pytest.mark.parametrize("name", RECORDINGS)
def test_random_scripts_on_recorded_markets_fill_alike(name: str) -> None:
    for case, oracle in asked(cases(tapes={name: recorded(name)}, seeds=1, orders=4_000)).values():
        ours = play_ours(case=case)
        assert first_difference(ours=ours, oracle=oracle) is None, case.name
        assert len(ours.fills) > 0, case.name
