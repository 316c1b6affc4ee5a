"""The page of a sweep: whole, closed in itself, the same bytes twice, and readable whatever the sweep was."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.settings.compose import compose_run
from framework.soak.page.palette import COLOURS
from framework.soak.sweep.charts import broken, shade_of
from framework.soak.sweep.grid import grid_of
from framework.soak.sweep.page import render_sweep
from framework.soak.sweep.row import Measured, SweepRow
from framework.soak.sweep.table import Sweep, label_of, summary, values_of
from tests.soak.page_reader import Reader
from tests.soak.sweep_cases import beside

HOUR = 3_600_000_000_000
Axes = dict[str, Sequence[Any]]
AWKWARD = "<script>alert('&')</script>"


def cell(n: int, values: dict[str, Any], *, worth: float | None) -> SweepRow:
    """Give a row as a sweep writes it; ``worth`` None is a cell that did not trade."""
    value = 0.0 if worth is None else worth
    known = worth is not None
    measured = Measured(
        verdict="PASS" if value > 0.3 else "INCONCLUSIVE",
        net_bps=worth,
        net_bps_lower=value - 0.2 if known else None,
        net_bps_upper=value + 0.2 if known else None,
        markout_net_30s_bps=worth,
        markout_net_30s_se_bps=0.1 if known else None,
        markout_blocks=60.0 if known else None,
        fills=400 + n if known else 0,
        turnover_quote=1e5 + n if known else 0.0,
    )
    tape = ("ab" * 32, HOUR, 4 * HOUR)
    return SweepRow(cell=n, label=label_of(values), values=values, measured=measured, tape=tape)


def sweep(
    axes: Axes,
    *,
    failed: Sequence[int] = (),
    silent: Sequence[int] = (),
    worth: Callable[[int], float] = lambda n: 0.9 * ((n * 37) % 64) / 64 - 0.2,
    played: int | None = None,
) -> Sweep:
    combinations = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    rows = [
        cell(n, values, worth=None if n in silent else worth(n))
        if n not in failed
        else SweepRow(cell=n, label=label_of(values), values=values, error=AWKWARD)
        for n, values in enumerate(combinations[:played])
    ]
    words = [f"{name}={','.join(map(str, values))}" for name, values in axes.items()]
    return summary(
        rows=rows,
        planned=len(combinations),
        words=[*words, "soak.hours=3"],
        complete=played is None,
        against={
            row.cell: beside(100.0 * (row.markout_bps or 0.0), turnover_ratio=1.0 if row.cell % 5 else 0.4)
            for row in rows
            if row.measured is not None
        },
        presents=(1,),
        present="conf/, profile S1",
    )


SPREAD: Axes = {"params.base_spread_bps_delta": (0.0, 0.1, 0.2, 0.3)}
INTERVAL: Axes = {"params.min_interval_ms": (60, 80, 100)}
PROFILE: Axes = {"profile": ("S1", "conservative"), "params.tail_age_ms": (500, 1000)}
CASES: dict[str, Callable[[], Sweep]] = {
    "one parameter": lambda: sweep(SPREAD),
    "two parameters": lambda: sweep(SPREAD | INTERVAL),
    "four parameters, failures, silence": lambda: sweep(
        SPREAD | INTERVAL | PROFILE, failed=(3, 17), silent=(5,)
    ),
    "nothing varied": lambda: sweep({"soak.hours": (3,)}),
    "no words": lambda: sweep({}),
    "nothing ran": lambda: sweep(SPREAD, failed=range(4)),
    "nothing traded": lambda: sweep(SPREAD, silent=range(4)),
    "nothing played": lambda: sweep(SPREAD, played=0),
    "cut off": lambda: sweep(SPREAD | INTERVAL, played=5),
    "all the same": lambda: sweep(SPREAD, worth=lambda n: 0.25),
    "many values": lambda: sweep({"soak.seed": tuple(range(1, 301))}),
    "huge": lambda: sweep(SPREAD | INTERVAL, worth=lambda n: (n - 5) * 1e9),
    "tiny": lambda: sweep(SPREAD | INTERVAL, worth=lambda n: (n - 5) * 1e-9),
    "awkward words": lambda: sweep({"market.symbol": (AWKWARD, "$x_1^2$", True, None), **INTERVAL}),
}


@pytest.fixture(scope="module", params=CASES)
def page(request: pytest.FixtureRequest) -> str:
    return render_sweep(CASES[request.param]())


def test_every_tag_is_closed_and_nothing_comes_from_outside_or_runs(page: str) -> None:
    reader = Reader(page)
    assert not reader.wrong
    assert not reader.open
    assert len(reader.ids) == len(set(reader.ids))
    assert "://" not in page
    assert "<script" not in page
    wanted = {value for name, value in reader.attributes if name in ("href", "xlink:href")}
    assert wanted - {f"#{name}" for name in reader.ids} <= {"winner/reports/report.html"}


def test_no_reader_meets_nan_none_or_an_infinite_word(page: str) -> None:
    seen = " ".join(Reader(page).seen)
    assert not {"nan", "inf", "infinity", "undefined"} & set(re.findall(r"[a-z]+", seen.lower()))


def test_every_colour_of_a_chart_is_a_colour_of_the_page(page: str) -> None:
    assert set(re.findall(r"var\(--([a-z]+)\)", page)) <= {*COLOURS, "tone", "face"}
    assert not re.search(r"#[0-9a-f]{6}\b", "".join(re.findall(r"<svg.*?</svg>", page, re.S)))


def test_a_page_stays_small(page: str) -> None:
    assert len(page.encode()) < 1_500_000


def test_the_same_sweep_gives_the_same_bytes() -> None:
    make = CASES["four parameters, failures, silence"]
    assert render_sweep(make()) == render_sweep(make())


def charts(page: str, section: str) -> int:
    found = re.search(rf'<section id="{section}">.*?</section>', page, re.S)
    return 0 if found is None else found[0].count("<svg")


def test_each_pair_of_the_most_influential_parameters_has_a_heat_map() -> None:
    assert [charts(render_sweep(CASES[name]()), "pairs") for name in list(CASES)[:3]] == [0, 1, 6]


def test_a_cell_that_could_not_run_is_in_the_lines_and_in_the_table() -> None:
    page = render_sweep(CASES["four parameters, failures, silence"]())
    text = " ".join(Reader(page).seen)
    assert text.count("not run:") == 2
    lines = re.search(r'<section id="cells">.*?</section>', page, re.S)
    assert lines is not None
    assert lines[0].count("stroke-dasharray") >= 3


def test_the_most_influential_parameter_comes_first() -> None:
    grid = grid_of(sweep(SPREAD | INTERVAL, worth=lambda n: (n % 3) * 0.3 + (n // 3) * 0.01))
    assert [axis.name for axis in grid.axes] == ["params.min_interval_ms", "params.base_spread_bps_delta"]
    first, second = grid.axes
    means = grid.means(first)
    assert means[60,] == pytest.approx(1.5)
    assert means[100,] == pytest.approx(61.5)
    assert grid.means(first, second)[60, 0.3] == pytest.approx(3.0)
    assert max(value for _, value in grid.measured) == pytest.approx(63.0)


def test_the_axis_of_gains_holds_zero_and_cells_too_quiet_to_count_are_grey() -> None:
    grid = grid_of(sweep(SPREAD, worth=lambda n: 0.01 + 0.02 * n))
    assert (grid.name, grid.low) == ("gain, quote a day", 0.0)
    assert {row.cell: shade_of(grid, row) for row in grid.rows} == {0: "faint", 1: "net", 2: "net", 3: "good"}
    loss = grid_of(sweep(SPREAD, worth=lambda n: -0.5 - 0.1 * n))
    assert (loss.high, shade_of(loss, loss.rows[0])) == (0.0, "adverse")


@given(st.text("ab_ ", min_size=1, max_size=40), st.integers(1, 12))
def test_a_name_is_broken_between_its_words_and_loses_no_letter(name: str, longest: int) -> None:
    lines = broken(name, longest=longest)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert all(len(line) <= longest or not re.search(r"[_ ](?=[^_ ])", line.strip()) for line in lines)


def test_the_words_of_the_leader_alone_are_given() -> None:
    text = " ".join(Reader(render_sweep(CASES["two parameters"]())).seen)
    assert re.search(
        r"quoteops soak soak.hours=3 params.base_spread_bps_delta=0\.\d params.min_interval_ms=\d+", text
    )


def test_values_are_written_as_the_words_that_give_them() -> None:
    values = {
        "market.symbols": ["AUSDT", "BUSDT"],
        "soak.auto_tune": False,
        "market.start": None,
        "params.x": 0.1,
    }
    assert (
        label_of(values) == "market.symbols=[AUSDT,BUSDT] soak.auto_tune=false market.start=null params.x=0.1"
    )
    assert label_of({"rollout.candidate": {"tail_age_ms": 700}}) == "rollout.candidate={tail_age_ms:700}"


def test_a_value_of_the_candidate_is_an_axis_by_its_whole_name() -> None:
    word = "rollout.candidate.sizing.max_position_quotes"
    cells = [compose_run(words=["rollout=canary", f"{word}={n}"], environ={}) for n in (2, 3)]
    assert values_of(cells, words=[f"{word}=2,3"]) == [{word: 2}, {word: 3}]
