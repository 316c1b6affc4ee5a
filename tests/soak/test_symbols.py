"""Several symbols on one account: alone where no limit of the account binds, together where one does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.compiled.records import interpreted
from framework.session.iterations import Outside
from framework.session.judge import make_judge
from framework.session.play import play
from framework.session.portfolio import SoakPortfolio, make_replay
from framework.session.tuners import Planned
from framework.session.window import open_window
from framework.settings.compose import compose_run
from framework.soak.result import SoakResult
from framework.tuning.params import Field
from tests.command import REPOSITORY, private_copy, soaked
from tests.runtimes import a_runtime
from tests.soak.page_reader import Reader

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")

NAMES = ("AUSDT", "BUSDT")
SHORT = ("soak.hours=0.2", "soak.iterations=2", "soak.auto_tune=false")
PAIR = "market.symbols=[AUSDT,BUSDT]"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return private_copy(tmp_path_factory.mktemp("symbols"))


@pytest.fixture(scope="module")
def both(home: Path) -> tuple[SoakResult, Path, list[str]]:
    return soaked(home, *SHORT, PAIR)


@pytest.fixture(scope="module")
def alone(home: Path) -> list[SoakResult]:
    return [soaked(home, *SHORT, f"market.symbols=[{name}]")[0] for name in NAMES]


Both = tuple[SoakResult, Path, list[str]]


def test_two_symbols_trade_what_each_trades_alone_where_no_limit_of_the_account_binds(
    both: Both, alone: list[SoakResult]
) -> None:
    pair = both[0]
    assert pair.market.symbols == NAMES
    for one, whole in zip(alone, pair.wholes, strict=True):
        assert one.whole is not None
        assert len(whole.fills) > 10
        assert whole.fills.tobytes() == one.whole.fills.tobytes()
        assert whole.audit.tobytes() == one.whole.audit.tobytes()
        assert whole.samples.tobytes() == one.whole.samples.tobytes()
        assert pair.reported.symbols[whole.symbol] == one.totals
    assert pair.wholes[0].fills.tobytes() != pair.wholes[1].fills.tobytes()


def test_a_list_of_one_symbol_is_a_soak_of_one(alone: list[SoakResult]) -> None:
    assert all(not one.symbols and one.whole is not None for one in alone)


def test_the_nets_of_the_symbols_add_up_to_the_change_of_the_account(both: Both) -> None:
    pair, limit = both[0], 1e-9 * both[0].totals.turnover_quote
    moved = sum(whole.closing.equity - whole.opening.equity for whole in pair.wholes)
    assert pair.totals.net_quote == pytest.approx(moved, abs=limit)
    assert pair.totals.net_quote == pytest.approx(
        sum(one.totals.net_quote for one in pair.symbols), abs=limit
    )
    for k, report in enumerate(pair.reports):
        assert report.totals.fills == sum(one.reports[k].totals.fills for one in pair.symbols)


def test_a_loss_that_neither_symbol_has_alone_stops_both(home: Path, both: Both) -> None:
    lost = [-one.totals.net_quote for one in both[0].symbols]
    limit = max(max(lost), 0.7 * sum(lost), *(one.totals.max_drawdown_quote for one in both[0].symbols))
    assert min(lost) > 0.0
    assert limit < sum(lost)
    word = f"guards.loss_halt_usd={limit:.6f}"
    halting = soaked(home, *SHORT, PAIR, word)[0]
    assert "quoting stopped at" in halting.judged.sentence
    for one in halting.symbols:
        assert [halt.reason for halt in one.judged.halts or () if halt.reason == "loss"] == ["loss"]
        assert one.whole is not None
        halted_ns = next(halt.first_ns for halt in one.judged.halts or () if halt.reason == "loss")
        late = halted_ns + 1_000_000_000
        assert not (one.whole.fills["exch_ts_ns"] > late).any()
    assert halting.totals.fills < both[0].totals.fills
    for name in NAMES:
        single = soaked(home, *SHORT, f"market.symbols=[{name}]", word)[0]
        assert not [halt for halt in single.judged.halts or () if halt.reason == "loss"]


def test_every_file_has_the_symbols_and_the_account(both: Both) -> None:
    pair, folder, said = both

    def told(name: str) -> dict[str, object]:
        read: dict[str, object] = json.loads((folder / name).read_text())
        return read

    report = json.loads((folder / "reports/EDGE_REPORT.json").read_text())
    assert tuple(report["symbols"]) == NAMES
    assert report["totals"]["fills"] == sum(one["fills"] for one in report["symbols"].values())
    verdicts = {one.symbol: one.verdict.value for one in pair.symbols}
    assert told("reports/gates_summary.json")["symbols"] == verdicts
    metrics = json.loads((folder / "reports/soak_metrics.json").read_text())
    assert tuple(metrics["symbols"]) == tuple(metrics["iterations"][1]["symbols"]) == NAMES
    assert tuple(json.loads((folder / "run.json").read_text())["tapes"]) == NAMES
    for name in ("edge/trades.jsonl", "soak/audit.jsonl"):
        rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        assert {row["symbol"] for row in rows} == set(NAMES)
    times = [json.loads(line)["ts_ms"] for line in (folder / "edge/trades.jsonl").read_text().splitlines()]
    assert len(times) == pair.totals.fills
    assert times == sorted(times)
    markdown = (folder / "reports/SOAK_RESULTS.md").read_text()
    assert "## Symbols" in markdown
    assert all(f"\n| {name} | {verdicts[name]} |" in markdown for name in NAMES)
    assert said[0].startswith("soak: AUSDT and BUSDT on one account, 0.2 h in 2 iterations")
    assert [line for line in said if line.startswith("symbol AUSDT: ")]


def test_the_page_leads_from_the_account_to_each_symbol(both: Both) -> None:
    page = (both[1] / "reports/report.html").read_text()
    attributes = Reader(page).attributes
    at = {value for name, value in attributes if name == "id"}
    linked = {value for name, value in attributes if name == "href"}
    assert linked == {"#of-AUSDT", "#of-BUSDT", "#symbols"}
    assert {value[1:] for value in linked if value} <= at
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert "Result of each symbol and of the account" in page


def test_two_symbols_are_the_same_bytes_again(home: Path, both: Both) -> None:
    again = soaked(home, *SHORT, PAIR)[1]
    for name in ("reports/report.html", "reports/EDGE_REPORT.json", "edge/trades.jsonl", "soak/audit.jsonl"):
        assert (again / name).read_bytes() == (both[1] / name).read_bytes()


def test_one_package_is_tried_on_all_symbols_and_tuned_by_their_sum(home: Path) -> None:
    words = (*SHORT, PAIR)
    settings = compose_run(words=words, root=REPOSITORY, environ={}).settings
    market = open_window(settings=settings)
    replay = make_replay(settings=settings, market=market)
    plan = [replay.package.with_value(Field.SPREAD, value) for value in (0.1, 0.5)]
    judge = make_judge(settings=settings, root=REPOSITORY, runtime=a_runtime())
    played = list(play(replay, judge, Planned(plan)))
    for one in replay.each():
        assert one.package_in_force() == plan[1]
    assert [iteration.package for iteration in played] == plan
    assert all(iteration.report is not None and len(iteration.report.symbols) == 2 for iteration in played)


def test_a_stop_ends_every_symbol_at_the_same_instant() -> None:
    settings = compose_run(words=(*SHORT, PAIR), root=REPOSITORY, environ={}).settings
    market, parts = open_window(settings=settings), 0

    def enough() -> bool:
        return parts >= 5

    def counted(_share: float) -> None:
        nonlocal parts
        parts += 1

    replay = SoakPortfolio(settings=settings, market=market, outside=Outside(stopping=enough))
    windows = replay.windows(replay.package, moved=counted)
    assert {window.end_ns for window in windows} == {replay.market.end_ns}
    assert market.start_ns < replay.market.end_ns < market.boundaries[1]
    assert not replay.left()
    assert {whole.end_ns for whole in replay.wholes()} == {replay.market.end_ns}


def test_every_symbol_has_a_drawn_market_of_its_own_that_its_company_does_not_change() -> None:
    def tapes(names: str) -> dict[str, str]:
        words = (*SHORT, f"market.symbols=[{names}]")
        settings = compose_run(words=words, root=REPOSITORY, environ={}).settings
        return {t.instrument.symbol: t.meta.digest for t in open_window(settings=settings).tapes}

    two, three = tapes("AUSDT,BUSDT"), tapes("CUSDT,BUSDT,AUSDT")
    assert {name: three[name] for name in two} == two
    assert len(set(three.values())) == 3
