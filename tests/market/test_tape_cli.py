"""``quoteops tape`` from a recording to what is known of it, with one-line errors."""

import json
from pathlib import Path

import pytest

from framework.cli.main import main
from tests.market.recordings import BinanceRecording, Market


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recording(*, broken: bool = False) -> str:
    made = BinanceRecording(Market(seed=1, updates=200), futures=True).write()
    if broken:
        made.lines = [line for line in made.lines if '"U":101' not in line]
    return str(made.save(Path("market.dat.gz")))


def test_import_then_info_tells_span_events_faults_and_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tape", "import", recording()]) == 0
    out = capsys.readouterr().out
    assert "artifacts/tapes/binance_abcusdt_20231114: ABCUSDT 2023-11-14T22:13:20" in out
    assert "tick 0.01, lot 0.1 (tick and lot inferred from the data)" in out
    assert "faults: none" in out
    assert main(["tape", "info", "artifacts/tapes/binance_abcusdt_20231114"]) == 0
    assert "spread_1_share" in capsys.readouterr().out
    assert main(["tape", "info", "artifacts/tapes/binance_abcusdt_20231114", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["events"]["trade"] == 28
    assert told["instrument"]["symbol"] == "ABCUSDT"
    assert told["gaps"] == 0


def test_gaps_ends_0_without_a_gap_and_1_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tape", "import", recording(), "--out", "whole"]) == 0
    assert main(["tape", "import", recording(broken=True), "--out", "broken"]) == 0
    assert "sequence_gaps 1" in capsys.readouterr().out
    assert main(["tape", "gaps", "whole"]) == 0
    assert main(["tape", "gaps", "whole", "--silence", "0.01"]) == 1
    capsys.readouterr()
    assert main(["tape", "gaps", "broken", "--json"]) == 1
    (gap,) = json.loads(capsys.readouterr().out)
    assert gap["kind"] == "sequence"
    assert gap["start"] == "2023-11-14T22:13:22.100Z"


def test_flags_decide_the_instrument_and_the_sidecar_keeps_no_absolute_path(folder: Path) -> None:
    words = ["--tick", "0.001", "--lot", "0.1", "--min-notional", "10", "--venue", "other"]
    words += ["--out", "x", "--end", "2023-11-14T22:13:22Z"]
    assert main(["tape", "import", str(folder / recording()), *words]) == 0
    text = Path("x/symbol=ABCUSDT/tape.json").read_text()
    assert str(folder) not in text
    told = json.loads(text)
    assert told["instrument"]["tick_size"] == "0.001"
    assert told["instrument"]["min_notional"] == "10"
    assert told["arguments"]["end"] == "2023-11-14T22:13:22Z"
    assert told["end"] < "2023-11-14T22:13:22"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["import", "no.gz"], "no.gz: no such file"),
        (["import"], "quoteops tape import: the following arguments are required: FILE"),
        (["info", "no"], "no: no such tape"),
        (["imprt"], "did you mean import?"),
        (["import", "."], ".: a folder; allowed the files in it"),
        (["fly"], "quoteops tape fly: no such verb; allowed import, info, gaps, synth"),
        (["import", "market.dat.gz", "--kind", "inverse"], "kind is inverse; allowed linear or spot"),
        (["import", "market.dat.gz", "--lot", "0.3"], "market.dat.gz:"),
        (["import", "market.dat.gz", "--start", "2025-01-01"], "no event from"),
        (
            ["import", "market.dat.gz", "--symbol", "NOPE"],
            "symbol NOPE is not in the recording; allowed ABCUSDT",
        ),
        (["synth", "--preset", "nope"], "nope"),
    ],
)
def test_wrong_words_and_data_end_2_with_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    recording()
    assert main(["tape", *words]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not Path("artifacts").exists()


def test_a_synthetic_market_is_kept_as_a_tape(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--preset", "thin_spot", "--hours", "0.05", "--seed", "3", "--out", "made"]
    assert main(["tape", "synth", *words]) == 0
    assert main(["tape", "gaps", "made"]) == 0
    assert "0 gaps" in capsys.readouterr().out


def test_another_tape_is_replaced_only_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tape", "import", recording(), "--out", "x"]
    assert main(words) == 0
    assert main(words) == 0  # the same tape again
    first = Path("x/symbol=ABCUSDT/tape.json").read_text()
    capsys.readouterr()
    assert main([*words, "--tick", "0.001"]) == 2
    assert "x: holds another tape of ABCUSDT; allowed another --out, or --replace" in capsys.readouterr().err
    assert Path("x/symbol=ABCUSDT/tape.json").read_text() == first
    assert main([*words, "--tick", "0.001", "--replace"]) == 0
    assert "replaced the tape of ABCUSDT" in capsys.readouterr().out
    Path("x/symbol=ABCUSDT/tape.json").write_text("{")
    assert main(words) == 2  # nobody knows what it is


def test_a_symbol_that_is_no_folder_name_is_kept_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
    for symbol in ("ABC/USDT", "A:B", "A/../B", "币安人生USDT"):
        rows = [f"binance,{symbol},1700000000{k}00000,1700000000{k}00000,true,bid,9{k},1" for k in range(3)]
        Path("l2.csv").write_text(text + "\n".join(rows) + "\n")
        assert main(["tape", "import", "l2.csv", "--out", "root"]) == 0
        assert main(["tape", "import", "l2.csv"]) == 0
        assert main(["tape", "info", "root", "--symbol", symbol, "--json"]) == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert told["instrument"]["symbol"] == symbol
    held = sorted(path.name for path in Path("root").iterdir())
    assert held == [
        "symbol=A%2F..%2FB",
        "symbol=A%3AB",
        "symbol=ABC%2FUSDT",
        "symbol=币安人生USDT",
    ]
    assert len(list(Path("artifacts/tapes").iterdir())) == 4
    assert main(["tape", "info", "root"]) == 2
    assert "the archive holds A/../B, A:B, ABC/USDT" in capsys.readouterr().err


def test_a_book_that_died_fails_without_being_asked(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"binance,ABCUSDT,{k},{k},true,{side},{price},1" for k, side, price in
            ((1_700_000_000_000_000, "bid", 99), (1_700_000_000_000_000, "ask", 101))]  # fmt: skip
    trades = [
        f"binance,ABCUSDT,{1_700_000_000 + k}000000,{1_700_000_000 + k}000000,{k},buy,101,1"
        for k in range(900)
    ]
    common = "exchange,symbol,timestamp,local_timestamp"
    Path("l2.csv").write_text("\n".join([f"{common},is_snapshot,side,price,amount", *rows]) + "\n")
    Path("t.csv").write_text("\n".join([f"{common},id,side,price,amount", *trades]) + "\n")
    assert main(["tape", "import", "l2.csv", "t.csv", "--out", "dead"]) == 0
    capsys.readouterr()
    assert main(["tape", "gaps", "dead"]) == 1
    assert capsys.readouterr().out.startswith("book ")
    assert main(["tape", "import", "t.csv", "--out", "trades"]) == 0
    assert "trades only; a soak needs a book" in capsys.readouterr().out


def test_an_archive_may_be_named_from_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["tape", "import", recording(), "--out", str(folder / "home" / "t")]) == 0
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert main(["tape", "info", "~/t"]) == 0
