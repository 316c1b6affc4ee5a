"""The synthetic market keeps to the stylised facts it is fitted to, and the page says what it measures."""

from __future__ import annotations

import functools
import re

import pytest

from framework.compiled.records import interpreted
from tests.market.stylised_facts import HOURS, PAGE, TABLES, figure, measured

PRESETS = sorted(HOURS)
pytestmark = pytest.mark.skipif(interpreted(), reason="hours of tape need the compiled code")


@functools.cache
def facts(preset: str, seed: int) -> dict[str, float]:
    return measured(preset=preset, regime="normal", seed=seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_fact_lies_in_or_near_its_range_or_within_its_admitted_miss(preset: str, seed: int) -> None:
    found = facts(preset, seed)
    outside = {
        row.name: (found[row.name], row.allowed())
        for row in TABLES[preset]
        if not row.allowed()[0] <= found[row.name] <= row.allowed()[1]
    }
    assert outside == {}


@pytest.mark.parametrize("preset", PRESETS)
def test_passive_fills_are_adverse(preset: str) -> None:
    found = facts(preset, 1)
    assert found["probe_fills_per_min"] * 60 * found["hours"] > 1000
    assert found["markout_fill_bps"] > 0 > found["markout_30s_bps"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_page_says_what_seed_1_measures(preset: str) -> None:
    block = PAGE.read_text(encoding="utf-8").split(f"<!-- facts {preset} -->\n")[1].split("<!-- end -->")[0]
    said = {row[0].removesuffix(" †"): row[2] for row in map(cells, block.splitlines()[2:])}
    for row in TABLES[preset]:
        wanted = number(figure(facts(preset, 1)[row.name]))
        assert number(said[row.says]) == pytest.approx(wanted, rel=0.1, abs=0.02), row.name


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def number(text: str) -> float:
    value, unit = re.fullmatch(r"(-?[\d.]+)([kM]?)", text).groups()  # type: ignore[union-attr]
    return float(value) * {"": 1.0, "k": 1e3, "M": 1e6}[unit]
