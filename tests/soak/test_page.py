"""The page: whole, closed in itself, the same bytes twice, and readable whatever the run was."""

import json
import os
import re
import subprocess
import sys
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from framework.gates.verdict import Verdict
from framework.rollout.route import CANARY, REAL
from framework.session.origin import origin_of
from framework.session.routes import route_split
from framework.session.timeline import Version
from framework.settings.compose import compose_run
from framework.soak.page.palette import COLOURS
from framework.soak.page.render import render_page
from framework.soak.page.series import money_over_time, shares_below, thin
from framework.soak.page.words import compact, fixed, interval, milliseconds, num, percent, typeset
from framework.soak.result import SoakResult
from tests.soak.browser import BROWSER, QUIET
from tests.soak.page_cases import ROOT, random_fills, result
from tests.soak.page_reader import Reader

AWKWARD = "<b>&\"X'USDT"
CASES: dict[str, Callable[[], SoakResult]] = {
    "ordinary": result,
    "no fills": lambda: result(fills=lambda k: []),
    "no fills, not tuned": lambda: result(fills=lambda k: [], tuned=False),
    "one iteration": lambda: result(iterations=1),
    "one iteration, not tuned": lambda: result(iterations=1, tuned=False),
    "one fill": lambda: result(iterations=1, fills=lambda k: random_fills(k, count=1)),
    "few fills, inconclusive": lambda: result(fills=lambda k: random_fills(k, count=4)),
    "many iterations": lambda: result(iterations=50, fills=lambda k: random_fills(k, count=8), tuned=False),
    "huge numbers": lambda: result(fills=lambda k: random_fills(k, scale=1e8, qty=1e6), scale=1e8),
    "tiny numbers": lambda: result(fills=lambda k: random_fills(k, scale=1e-7), scale=1e-7),
    "awkward names": lambda: result(symbol=AWKWARD, source="<script>alert('&')</script>"),
    "mids not known at first": lambda: result(
        unknown_mids=300, fills=lambda k: [] if k == 0 else random_fills(k)
    ),
}


def text_of(made: SoakResult) -> str:
    return " ".join(" ".join(Reader(render_page(made)).seen).split())


@pytest.fixture(scope="module", params=CASES)
def page(request: pytest.FixtureRequest) -> str:
    return render_page(CASES[request.param]())


def test_every_tag_is_closed_and_every_id_is_used_once(page: str) -> None:
    reader = Reader(page)
    assert not reader.wrong
    assert not reader.open
    assert len(reader.ids) == len(set(reader.ids))


def test_the_page_refers_to_nothing(page: str) -> None:
    assert not {name for name, _ in Reader(page).attributes} & {"href", "xlink:href"}
    assert "url(" not in page


def test_the_page_asks_for_nothing_from_outside_and_runs_its_two_scripts_alone(page: str) -> None:
    reader = Reader(page)
    library, data, own = reader.scripts
    assert json.loads(data)
    digests = [b64encode(sha256(text.encode()).digest()).decode() for text in (library, own)]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"
    assert [value for name, value in reader.attributes if value.startswith("default-src")] == [policy]
    assert "://" not in page.replace(library, "")
    assert "@import" not in page
    assert page.count("<script") == 3
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "srcset")]


def test_no_reader_meets_nan_none_or_an_infinite_word(page: str) -> None:
    words = re.findall(r"[a-z]+", " ".join(Reader(page).seen).lower())
    assert not {"nan", "inf", "infinity", "null", "undefined"} & set(words)
    assert "None" not in " ".join(Reader(page).seen).split()
    assert not re.search(r'"[^"<>]*\bnan\b[^"<>]*"', page, re.I)


def test_every_colour_of_a_chart_is_a_colour_of_the_page(page: str) -> None:
    named = set(re.findall(r"var\(--([a-z]+)\)", page))
    assert named <= {*COLOURS, "tone", "face"}
    charts = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert charts
    assert not re.search(r"#[0-9a-f]{6}\b", charts)


def test_a_page_stays_small(page: str) -> None:
    assert len(page.encode()) < 1_500_000


def test_the_same_run_gives_the_same_bytes() -> None:
    assert render_page(result()) == render_page(result())


def test_another_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    code = (
        "import hashlib; from tests.soak.page_cases import result;"
        "from framework.soak.page.render import render_page;"
        "print(hashlib.sha256(render_page(result(iterations=2)).encode()).hexdigest())"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }  # fmt: skip
    assert len(made) == 1


def test_names_from_outside_are_shown_as_text() -> None:
    made = CASES["awkward names"]()
    seen = " ".join(Reader(render_page(made)).seen)
    assert AWKWARD in seen
    assert "<script>alert('&')</script>" in seen


def test_every_cell_of_a_stacked_table_says_what_it_is(page: str) -> None:
    for table in re.findall(r'<table class="[^"]*stack.*?</table>', page, re.S):
        head = re.findall(r"<th(?: [^>]*)?>(.*?)</th>", table)
        for row in re.findall(r"<tr[^>]*><td.*?</tr>", table, re.S):
            cells = re.findall(r"<td([^>]*)>", row)
            said = [re.search(r'data-h="([^"]*)"', cell) for cell in cells]
            assert [name for name, found in zip(head, said, strict=True) if found] == [
                found[1] for found in said if found
            ]
            assert all(found or 'class="name"' in cell for cell, found in zip(cells, said, strict=True))


def test_verdict_and_sentence_stand_first_and_both_profiles_beside_each_other() -> None:
    made = result()
    seen = text_of(made)
    assert seen.index(made.verdict.value) < seen.index(typeset(made.judged.sentence)) < seen.index("Next:")
    assert "scaled" in seen
    assert "audit_3h" in seen


def test_an_inconclusive_run_says_how_many_hours_would_tell() -> None:
    made = CASES["few fills, inconclusive"]()
    scaled = replace(made.judged.profiles["scaled"], hours_needed=12.5)
    made.gate = replace(made.judged, profiles={**made.judged.profiles, "scaled": scaled})
    seen = text_of(made)
    assert made.verdict is Verdict.INCONCLUSIVE
    assert "about 12.5 h of such tape would tell" in seen
    assert "collect more evidence, about 12 h of tape in all" in seen


def test_what_the_tuner_moved_and_held_back_is_told_with_its_reason() -> None:
    made = result()
    seen = text_of(made)
    rows = [row for decision in made.decisions for row in decision.rows]
    assert rows
    for row in rows:
        assert row.marker in seen
        assert row.detail in seen


def test_a_run_that_was_not_tuned_says_why() -> None:
    made = result(iterations=1, tuned=False)
    made.untuned = "soak.auto_tune is false"
    assert "Nothing was tuned: soak.auto_tune is false." in text_of(made)


def test_a_canary_split_is_shown_route_by_route_with_its_difference() -> None:
    made = result(tuned=False)
    assert made.whole is not None
    edges = made.market.boundaries
    rows = [(edges[0] + k * (edges[-1] - edges[0]) // 10, (REAL, CANARY)[k % 2]) for k in range(10)]
    made.versions = [Version(ns, route, 0, made.settings) for ns, route in rows]
    made.whole.fills["params_version"] = np.arange(len(made.whole.fills)) % len(made.versions)
    made.whole.fills["qty_lots"] = 1000
    guard = made.settings.rollout_guard
    split = route_split(window=made.whole, versions=made.versions, end_ns=edges[-1], guard=guard)
    made.report = replace(made.reported, routes=split)
    seen = text_of(made)
    assert "Canary against real" in seen
    for route in split.routes.values():
        assert f"{fixed(route.markout_net['5s'].bps, plus=True)} ±" in seen
    assert f"The rollout guard would roll back: {split.guard.roll_back}" in seen
    assert f"canary less real {fixed(split.difference['5s'].bps, plus=True)} ±" in seen


def test_a_run_on_the_wall_clock_says_whether_it_kept_pace() -> None:
    made = result()
    assert "slices later than" not in text_of(made)
    totals = replace(
        made.totals,
        percentiles={**made.totals.percentiles, "ws_lag_p95_ms": 41.0},
        counters={**made.totals.counters, "deadline_misses": 3},
    )
    made.report = replace(made.reported, totals=totals)
    assert f"lag p95 41 ms, 3 slices later than {made.settings.strategy.deadline_ms} ms" in text_of(made)


def test_components_over_time_add_up_to_the_equity_and_end_at_the_net() -> None:
    made = result()
    assert made.whole is not None
    money = money_over_time(made.whole)
    assert np.allclose(np.sum(list(money.parts.values()), axis=0), money.net)
    assert money.net[-1] == pytest.approx(made.totals.net_quote)
    for name in ("gross", "slippage", "fees_eff", "adverse_1s"):
        quote = made.totals.parts[name].quote
        assert money.parts[name][-1] == pytest.approx(quote)


def test_thinning_keeps_both_ends_and_every_extreme() -> None:
    x = np.arange(50_000.0)
    y = np.sin(x / 700.0)
    y[31_234], y[7] = 9.0, -9.0
    thin_x, thin_y = thin(x, y, columns=100)
    assert len(thin_x) <= 202
    assert {0.0, 7.0, 31_234.0, 49_999.0} <= set(thin_x.tolist())
    assert (thin_y.max(), thin_y.min()) == (9.0, -9.0)
    assert np.all(np.diff(thin_x) > 0)


def test_thinning_leaves_out_what_is_not_known() -> None:
    x, y = thin(np.array([0.0, 1.0, np.nan, 3.0]), np.array([np.inf, 1.0, 2.0, 3.0]), columns=9)
    assert (x.tolist(), y.tolist()) == ([1.0, 3.0], [1.0, 3.0])


def test_shares_end_at_one_and_count_from_the_lowest() -> None:
    values, share = shares_below([3.0, 1.0, 2.0, 2.0])
    assert values.tolist() == [1.0, 2.0, 2.0, 3.0]
    assert share.tolist() == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (num(None), "–"),
        (num(float("nan")), "–"),
        (num(0), "0"),
        (num(-0.0), "0"),
        (num(-0.12345), "−0.123"),
        (num(99.96), "100"),
        (num(999.7), "1,000"),
        (num(1234567.0), "1,234,567"),
        (num(5e-7), "5.00e-07"),
        (num(1.5, plus=True), "+1.5"),
        (num(3e12), "3.00e+12"),
        (fixed(-0.001), "0.00"),
        (fixed(1.005e9), "1.00e+09"),
        (fixed(2, digits=3, plus=True), "+2.000"),
        (compact(-1500), "−1,500"),
        (compact(2.5e15), "2.5e+15"),
        (percent(0.107), "10.7 %"),
        (interval(None, 2.0), "−∞ to 2"),
        (interval(None, None), "–"),
        (milliseconds(66_600.0), "1.11 min"),
        (typeset("net -0.5 (90 %: -inf to inf) non-zero"), "net −0.5 (90 %: −∞ to ∞) non-zero"),
    ],
)
def test_numbers_are_written_as_people_read_them(written: str, wanted: str) -> None:
    assert written == wanted


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine to look at the page with")
def test_a_browser_shows_the_page_and_logs_nothing(tmp_path: Path) -> None:
    assert BROWSER is not None
    (tmp_path / "report.html").write_text(render_page(result()), encoding="utf-8")
    shown = subprocess.run(
        [
            BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={tmp_path / 'page.png'}", "--window-size=1200,3000",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in shown.stderr
    drawn = changes(tmp_path / "page.png")
    assert drawn.shape == (3000, 1200)
    assert 0.005 < drawn.mean() < 0.5
    thirds = [part.mean() for part in np.array_split(drawn, 3)]
    assert min(thirds) > 0.002


def changes(path: Path) -> np.ndarray:
    """Tell which pixels of a PNG its writer could not foretell from those before: wherever something is."""
    data, at, packed = path.read_bytes(), 8, b""
    width, height = (int.from_bytes(data[k : k + 4]) for k in (16, 20))
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1)
    return np.asarray((rows[:, 1:].reshape(height, width, -1) != 0).any(axis=2))


def test_the_header_says_the_fee_and_where_these_fills_break_even_and_warns_when_nobody_chose_it() -> None:
    made = result()
    assert f"these fills break even at {fixed(made.break_even_maker_fee_bps)} bps" in text_of(made)
    composed = compose_run(root=ROOT, words=["market=tape", "market.path=x"], environ={})
    made.settings = composed.settings
    made.origin = origin_of(composed, home=ROOT, instrument=made.market.tape.instrument)
    assert "Maker fee 0.1 bps (conf/exchange/sim.yaml, the default)" in text_of(made)
    assert "Nobody chose this fee for a recorded market" in text_of(made)
    assert "quoteops soak market=tape market.path=x" in text_of(made)
