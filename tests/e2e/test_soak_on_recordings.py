"""The soak on recorded markets: it ends with a verdict, its books balance, and twice is the same."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from framework.files.moments import iso_utc_ns
from framework.soak.result import SoakResult
from tests.command import private_copy, quoteops, soaked
from tests.e2e.test_soak import REPORTS, files
from tests.realdata import realdata

pytestmark = pytest.mark.realdata

TAPES = {
    "nexo": ("jf_spot_nexousdt_20240723.dat.gz", "jf_spot_nexousdt_20240724.dat.gz"),
    "btc23": ("hftbt_usdm_btcusdt_20230404.dat.gz", "hftbt_usdm_btcusdt_20230405.dat.gz"),
    "btc24": ("hftbt_usdm_btcusdt_20240718.gz", "hftbt_usdm_btcusdt_20240719.gz"),
    "eth24": ("hftbt_usdm_ethusdt_20240718.gz", "hftbt_usdm_ethusdt_20240719.gz"),
}
SPOT = ("soak.hours=3", "exchange.fee_in_base=true")
RUNS: dict[str, tuple[str, ...]] = {
    "nexo event": ("market.start=2024-07-24T00:00:00Z", "market.end=2024-07-24T03:00:00Z", *SPOT),
    "nexo calm": ("market.start=2024-07-24T09:00:00Z", "market.end=2024-07-24T12:00:00Z", *SPOT),
    "btc23": ("soak.hours=tape",),
    "btc24": ("soak.hours=tape",),
    "eth24": ("soak.hours=tape",),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import the recordings with the command, as a person would."""
    root = private_copy(tmp_path_factory.mktemp("recordings"))
    for name, parts in TAPES.items():
        recordings = [str(realdata("tapes", part)) for part in parts]
        done = quoteops("tape", "import", *recordings, "--out", name, root=root)
        assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module", params=RUNS)
def run(
    request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SoakResult, Path, tuple[str, ...]]:
    words = ("market=tape", f"market.path={root / request.param.split()[0]}", *RUNS[request.param])
    home = private_copy(tmp_path_factory.mktemp("run"))
    result, folder, _ = soaked(home, *words)
    return result, folder, words


Run = tuple[SoakResult, Path, tuple[str, ...]]


def test_six_tuned_iterations_end_with_a_verdict_and_every_report(run: Run) -> None:
    result, folder, _ = run
    assert len(result.reports) == len(result.decisions) == 6
    assert result.verdict.exit_code in (0, 1, 3)
    assert {path.name for path in (folder / "reports").iterdir()} == REPORTS
    assert {row.arm for row in result.arms} == {"tuned", "static", "corner", "placebo"}
    assert result.totals.fills > 10


def test_the_books_balance_within_a_billionth_of_turnover(run: Run) -> None:
    result, _, _ = run
    for window, report in [
        *zip(result.windows, result.reports, strict=True),
        (result.whole, result.reported),
    ]:
        assert window is not None
        balanced(window, report.totals.as_dict())


def balanced(window: Any, totals: dict[str, Any]) -> None:
    """Add the fills up anew and compare with the books, and the components with the net."""
    fills, opening, closing = window.fills, window.opening, window.closing
    worth = fills["price"] * fills["qty"]
    limit = 1e-9 * max(math.fsum(worth), abs(opening.value), 1e-300)
    paid = math.fsum(-fills["side"] * worth - fills["fee_quote"]) + closing.funding - opening.funding
    assert abs(closing.cash - opening.cash - paid) <= limit
    moved = math.fsum(fills["side"] * fills["qty"] - fills["fee_base"])
    assert abs(closing.position - opening.position - moved) * max(closing.mid, 1.0) <= limit
    net = closing.equity - opening.equity
    parts = totals["component_breakdown"]
    added = math.fsum(parts[name]["quote"] for name in ("gross", "slippage", "fees_eff", "inventory"))
    written = 1e-11 * max(abs(parts[name]["quote"]) for name in parts)  # reports keep twelve digits
    assert abs(added - net) <= limit + written
    assert abs(totals["net_quote"] - net) <= limit + written


def test_every_mid_a_fill_is_judged_by_was_two_sided(run: Run) -> None:
    result, _, _ = run
    assert result.whole is not None
    fills = result.whole.fills
    assert (fills["m"] > 0).all()
    assert (fills["m0"] > 0).all()


@pytest.mark.parametrize("run", ["nexo calm", "eth24"], indirect=True)
def test_the_same_words_on_a_recording_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    _, folder, words = run
    _, again, _ = soaked(private_copy(tmp_path), *words)
    first, second = files(folder), files(again)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert json.loads((again / "run.json").read_text())["status"] == "complete"


def test_two_recordings_on_one_account_trade_what_each_trades_alone(root: Path, tmp_path: Path) -> None:
    home = private_copy(tmp_path)
    hours = ("market=tape", "soak.hours=0.13", "soak.auto_tune=false")
    names = {"BTCUSDT": "btc24", "ETHUSDT": "eth24"}
    paths = ",".join(str(root / name) for name in names.values())
    pair, _, _ = soaked(home, *hours, f"market.path=[{paths}]", f"market.symbols=[{','.join(names)}]")
    start = f"market.start={iso_utc_ns(pair.market.start_ns)}"
    for (symbol, name), both in zip(names.items(), pair.wholes, strict=True):
        alone = soaked(home, *hours, f"market.path={root / name}", start)[0].whole
        assert alone is not None
        assert both.symbol == alone.symbol == symbol
        assert len(both.fills) > 10
        assert both.fills.tobytes() == alone.fills.tobytes()
        assert both.audit.tobytes() == alone.audit.tobytes()
        balanced(both, pair.reported.symbols[symbol].as_dict())
    moved = math.fsum(one.closing.equity - one.opening.equity for one in pair.wholes)
    assert abs(pair.totals.net_quote - moved) <= 1e-9 * pair.totals.turnover_quote
