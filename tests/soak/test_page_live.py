"""The charts that answer a pointer: what is vendored, what is packed, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.soak.page.live import COLUMNS, grid_of
from framework.soak.page.live_charts import MOST_FILLS, live_fills, live_market, live_money
from framework.soak.page.packed import packed, unpacked
from framework.soak.page.render import render_page
from framework.soak.page.scripts import VENDOR
from framework.soak.page.series import money_over_time, slots
from tests.soak.browser import BROWSER, Browser, browser
from tests.soak.page_cases import random_fills, result

numbers = st.floats(-1e9, 1e9) | st.just(float("nan"))


def test_what_is_vendored_is_what_its_manifest_says() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text("utf-8"))
    assert {path.name for path in VENDOR.iterdir()} == {*manifest["files"], "manifest.json"}
    for name, digest in manifest["files"].items():
        assert sha256((VENDOR / name).read_bytes()).hexdigest() == digest
    assert f"(v{manifest['version']})" in (VENDOR / "uPlot.iife.min.js").read_text("utf-8")


@given(st.lists(numbers, max_size=30))
def test_packed_values_are_off_by_half_a_step_at_most_and_the_unknown_stay_unknown(
    values: list[float],
) -> None:
    made, wanted = unpacked(packed(values)), np.array(values, np.float64)
    assert np.array_equal(np.isnan(made), np.isnan(wanted))
    reach = np.nanmax(wanted) - np.nanmin(wanted) if np.isfinite(wanted).any() else 0.0
    assert np.all(np.abs(made - wanted)[~np.isnan(wanted)] <= 0.51 * reach / 65_534 * 1.0002 + 1e-3)


def test_prices_are_exact_to_the_tick() -> None:
    prices = np.array([59_880.1, 59_891.7, 60_013.4])
    assert np.allclose(unpacked(packed(prices, unit=0.1)), prices, atol=1e-6)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-9, 9)), min_size=1, max_size=60), st.integers(1, 7))
def test_each_column_keeps_its_lowest_and_highest_value(
    points: list[tuple[float, float]], columns: int
) -> None:
    x, y = np.array(sorted(points)).T
    made = slots(x, y, length=100.0, columns=columns)
    assert len(made) == 2 * columns + 1
    assert made[-1] == y[-1]
    column = np.clip((x / 100.0 * columns).astype(int), 0, columns - 1)
    for k in np.unique(column):
        assert {*made[2 * k : 2 * k + 2]} == {y[column == k].min(), y[column == k].max()}


def test_the_lines_of_a_chart_end_at_the_figures_of_the_report() -> None:
    made = result()
    assert made.whole is not None
    grid = grid_of(made.whole, made.market.boundaries, symbols=1)
    chart = live_money("edge", grid, money_over_time(made.whole), "USDT")
    equity, _, parts = chart.panels
    (net,) = equity.lines
    assert unpacked(net.values)[-1] == pytest.approx(made.totals.net_quote, abs=net.values.step)
    ends = {line.name: unpacked(line.values)[-1] for line in parts.lines}
    assert ends["gross"] == pytest.approx(made.totals.parts["gross"].quote, abs=1e-3)
    assert chart.count == len(unpacked(net.values)) <= 2 * COLUMNS + 1


def test_many_fills_are_thinned_and_say_so() -> None:
    made = result(iterations=1, fills=lambda k: random_fills(k, count=MOST_FILLS + 1), tuned=False)
    assert made.whole is not None
    fills, said = live_fills(made.whole)
    assert fills is not None
    assert said == "one in 2 of 3,001"
    assert len(unpacked(fills.columns["at"])) <= MOST_FILLS


def test_a_market_without_fills_has_lines_alone() -> None:
    made = result(fills=lambda k: [], tuned=False)
    assert made.whole is not None
    grid = grid_of(made.whole, made.market.boundaries, symbols=1)
    chart = live_market("market", grid, made.whole, 500.0)
    assert chart.panels[0].fills is None
    assert json.dumps(asdict(chart), allow_nan=False)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(render_page(result()), encoding="utf-8")
    with browser(folder / "report.html", profile=folder / "profile") as opened:
        yield opened


LEGENDS = "[...document.querySelectorAll('.u-legend')].map(e => e.textContent)"
AREAS = """[...document.querySelectorAll('.u-over')].map(e => {
  const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] })"""


def instant(legend: str) -> str:
    """Give the time of day in a legend."""
    return str(re.findall(r"\d\d:\d\d:\d\d", legend)[0])


def area(tab: Browser, chart: str, number: int) -> tuple[float, float, float, float]:
    """Bring a chart into view; give where one of the page's plots lies."""
    tab.run(f"document.querySelector('[data-chart={chart}]').scrollIntoView()")
    x, y, width, height = tab.run(AREAS)[number]
    return x, y, width, height


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine to look at the page with")
def test_a_pointer_reads_every_chart_at_its_instant_and_a_drag_comes_closer(tab: Browser) -> None:
    x, y, width, height = area(tab, "edge", 0)
    at_rest = tab.run(LEGENDS)
    tab.mouse("mouseMoved", x + 0.4 * width, y + 0.5 * height)
    read = tab.run(LEGENDS)
    assert len(read) == len(at_rest) == 7
    assert len({instant(text) for text in read[:6]}) == 1
    assert all(before != after for before, after in zip(at_rest[:6], read[:6], strict=True))

    tab.mouse("mousePressed", x + 0.4 * width, y + 0.5 * height, buttons=1, clicks=1)
    tab.mouse("mouseMoved", x + 0.5 * width, y + 0.5 * height, buttons=1)
    tab.mouse("mouseReleased", x + 0.5 * width, y + 0.5 * height, clicks=1)
    tab.mouse("mouseMoved", x + 1.0, y + 0.5 * height)
    closer = tab.run(LEGENDS)
    assert instant(closer[0]) == instant(closer[5]) == instant(read[0])
    for clicks in (1, 2):
        tab.mouse("mousePressed", x + 9.0, y + 9.0, buttons=1, clicks=clicks)
        tab.mouse("mouseReleased", x + 9.0, y + 9.0, clicks=clicks)
    tab.mouse("mouseMoved", x + 1.0, y + 0.5 * height)
    assert instant(tab.run(LEGENDS)[5]) == "00:00:00"


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine to look at the page with")
def test_a_fill_under_the_pointer_says_what_it_came_to(tab: Browser) -> None:
    x, y, width, height = area(tab, "market", 3)
    said = ""
    for step in range(0, int(width), 8):
        for share in (0.2, 0.35, 0.5, 0.65, 0.8):
            tab.mouse("mouseMoved", x + step, y + share * height)
            said = said or tab.run("document.querySelector('.fill:not([hidden])')?.textContent ?? ''")
        if said:
            break
    assert " at " in said
    assert "bps, after 30 s" in said
    assert not [
        told for told in tab.told if told.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")
    ]


SHOWN = """[...document.querySelectorAll('[data-chart=edge] .live, [data-chart=edge] > .wide')]
  .map(e => e.checkVisibility())"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine to look at the page with")
def test_without_scripts_and_in_print_the_drawn_charts_stand(tab: Browser) -> None:
    assert tab.run(SHOWN) == [True, False]
    tab.ask("Emulation.setEmulatedMedia", media="print")
    assert tab.run(SHOWN) == [False, True]
    tab.ask("Emulation.setEmulatedMedia", media="")
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    tab.ask("Page.reload")
    tab.ready()
    assert tab.run(SHOWN) == [True]
