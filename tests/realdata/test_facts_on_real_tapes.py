"""The table of stylised facts is what recorded tapes measure with the very code used on synthetic ones."""

from __future__ import annotations

import functools

import pytest

from framework.market.facts import Facts, measure
from framework.market.importers.assemble import InstrumentFlags, assemble
from framework.market.importers.collector import read_collector
from tests.market.stylised_facts import LIQUID, THIN
from tests.realdata import realdata

pytestmark = pytest.mark.realdata

PERPS = {
    "btc 2023": ("hftbt_usdm_btcusdt_20230404.dat.gz", "hftbt_usdm_btcusdt_20230405.dat.gz"),
    "btc 2024": ("hftbt_usdm_btcusdt_20240718.gz", "hftbt_usdm_btcusdt_20240719.gz"),
    "eth 2024": ("hftbt_usdm_ethusdt_20240718.gz", "hftbt_usdm_ethusdt_20240719.gz"),
}
THIN_FILES = ("jf_spot_nexousdt_20240723.dat.gz", "jf_spot_nexousdt_20240724.dat.gz")
OTHER_METHOD = {"touch_p10", "touch_p50", "touch_p90", "markout_30s_bps", "markout_5s_bps"}
"""Facts of eight minutes that another sampling or another probe moves by more than the slack."""


@functools.cache
def facts(files: tuple[str, ...]) -> Facts:
    paths = [realdata("tapes", name) for name in files]
    return measure(tape=assemble(recording=read_collector(paths=paths, symbol=None), flags=InstrumentFlags()))


@pytest.mark.parametrize("name", PERPS)
def test_recorded_perpetuals_lie_in_or_near_the_liquid_ranges(name: str) -> None:
    found = facts(PERPS[name])
    outside = {
        row.name: (found[row.name], row.low, row.high)
        for row in LIQUID
        if row.name not in OTHER_METHOD
        and not row.low - 0.45 * abs(row.low) <= found[row.name] <= row.high + 0.45 * abs(row.high)
    }
    assert outside == {}


def test_the_recorded_thin_pair_lies_near_the_thin_figures() -> None:
    found = facts(THIN_FILES)
    other = OTHER_METHOD | {"markout_0.1s_bps", "markout_0.5s_bps", "markout_1s_bps"}
    outside = {
        row.name: (found[row.name], row.low)
        for row in THIN
        if row.name not in other and not abs(found[row.name] - row.low) <= 0.5 * abs(row.low)
    }
    assert outside == {}


@pytest.mark.parametrize("files", [*PERPS.values(), THIN_FILES])
def test_passive_fills_on_recorded_tapes_are_adverse(files: tuple[str, ...]) -> None:
    found = facts(files)
    assert found["markout_fill_bps"] > 0
    assert found["markout_0.1s_bps"] > found["markout_1s_bps"]
    assert found["markout_1s_bps"] < 0
