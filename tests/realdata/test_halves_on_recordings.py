"""On recorded markets, too, each half alone, and a session of both, leave what the replay leaves."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from framework.compiled.records import interpreted, zeros
from framework.engine.params import fill_params, make_venue
from framework.engine.replay import Latency, Replay
from framework.market.importers.assemble import InstrumentFlags, assemble
from framework.market.importers.collector import read_collector
from framework.market.tape import Tape
from framework.quoting.records import Params
from framework.session.sim import sim_session
from framework.settings.compose import compose_run
from framework.units import DAY, HOUR, SECOND
from tests.engine.halves import alone, fed, recorded
from tests.engine.test_halves import OF_THE_DESK, same
from tests.realdata import realdata

pytestmark = [pytest.mark.realdata, pytest.mark.skipif(interpreted(), reason="millions of events")]

NEXO = ("jf_spot_nexousdt_20240723.dat.gz", "jf_spot_nexousdt_20240724.dat.gz")
TAPES = {
    "nexo event": (NEXO, (0, 3)),
    "nexo calm": (NEXO, (9, 12)),
    "btc 2023": (("hftbt_usdm_btcusdt_20230404.dat.gz", "hftbt_usdm_btcusdt_20230405.dat.gz"), None),
    "btc 2024": (("hftbt_usdm_btcusdt_20240718.gz", "hftbt_usdm_btcusdt_20240719.gz"), None),
    "eth 2024": (("hftbt_usdm_ethusdt_20240718.gz", "hftbt_usdm_ethusdt_20240719.gz"), None),
}


@functools.cache
def _whole(files: tuple[str, ...]) -> Tape:
    paths = [realdata("tapes", name) for name in files]
    return assemble(recording=read_collector(paths=paths, symbol=None), flags=InstrumentFlags())


def _replay(name: str) -> Replay:
    files, hours = TAPES[name]
    tape = _whole(files)
    if hours is not None:
        day = int(tape.end_ns) // DAY * DAY
        tape = tape.window(start_ns=day + hours[0] * HOUR, end_ns=day + hours[1] * HOUR)
    settings = compose_run(environ={}).settings
    params = zeros(Params, 1)
    fill_params(params, settings=settings, instrument=tape.instrument)
    latency = Latency.draw(
        feed_ms=2.0, entry_ms=5.0, response_ms=5.0, sigma=0.3, seed=7, events=len(tape.exch_ts_ns)
    )
    rules = make_venue(settings=settings, instrument=tape.instrument)
    return Replay(tape=tape, params=params, venue=rules, latency=latency)


@pytest.mark.parametrize("name", TAPES)
def test_halves_fed_from_a_recording_leave_what_the_replay_leaves(name: str) -> None:
    replay = _replay(name)
    until = int(replay.tape.end_ns) + SECOND
    crossing = recorded(replay, until_ns=until, slice_ns=SECOND)
    made = fed(replay, crossing, until_ns=until)
    assert len(crossing.requests) > 100
    same(np.concatenate(made.requests), crossing.requests)
    same(made.desk.audit_rows(), replay.audit_rows())
    fills, reports = alone(replay, crossing, until_ns=until, slice_ns=7 * SECOND)
    same(fills, replay.fill_rows(), OF_THE_DESK)
    same(reports, crossing.reports)


@pytest.mark.parametrize("name", TAPES)
def test_a_session_on_a_recording_trades_what_the_replay_trades(name: str) -> None:
    fused, apart = _replay(name), _replay(name)
    until = int(fused.tape.end_ns) + SECOND
    fused.advance(until, end_runs=True)
    session = sim_session(apart)
    for stop in [*range(apart.start_ns, until, 600 * SECOND), until]:
        session.advance(stop, end_runs=stop == until)
    assert len(fused.fill_rows()) > 20
    same(apart.fill_rows(), fused.fill_rows())
    same(apart.audit_rows(), fused.audit_rows())
    same(apart.sample_rows(), fused.sample_rows())
