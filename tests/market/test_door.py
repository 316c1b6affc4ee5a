"""What an importer must not misread: clocks, snapshots, partial books, contracts, spellings, numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framework.market.errors import TapeError
from framework.market.events import GAP, TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.contracts import contract_of
from framework.market.importers.table import import_tape
from framework.market.instrument import split_symbol
from framework.market.tape import Tape
from tests.market.recordings import START_MS, BinanceRecording, Market
from tests.market.replay import final_book

L2 = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"


def read(path: Path, text: str, **flags: str) -> Tape:
    path.write_text(text)
    return import_tape(paths=[path], flags=InstrumentFlags(**flags))


def book_row(k: int, snapshot: str, side: str, price: object, amount: object = 2, unit: int = 1000) -> str:
    at = (START_MS + 100 * k) * unit
    return f"binance-futures,ABCUSDT,{at},{at + unit},{snapshot},{side},{price},{amount}"


def whole_book(k: int, mid: int, snapshot: str = "true", unit: int = 1000) -> list[str]:
    return [
        book_row(k, snapshot, side, mid + sign * step, unit=unit)
        for side, sign in (("bid", -1), ("ask", 1))
        for step in (1, 2, 3)
    ]


def table(*rows: str, header: str = L2) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_a_feed_that_is_all_snapshots_ends_as_the_last_of_them(tmp_path: Path) -> None:
    rows = [row for k in range(12) for row in whole_book(k, 1000 + 5 * k)]
    tape = read(tmp_path / "l2.csv", table(*rows))
    sides = [(1, price) for price in (1052, 1053, 1054)] + [(-1, price) for price in (1056, 1057, 1058)]
    assert final_book(tape) == dict.fromkeys(sides, 1)
    assert not (tape.kind == GAP).any()
    assert tape.meta.faults["crossed_books"] == 0


def test_a_snapshot_told_in_two_messages_is_one(tmp_path: Path) -> None:
    bids, asks = whole_book(0, 100)[:3], whole_book(1, 100)[3:]
    tape = read(tmp_path / "l2.csv", table(*bids, *asks, book_row(2, "false", "bid", 99, 3)))
    assert final_book(tape)[1, 99] == 3
    assert len(final_book(tape)) == 6


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000], ids=["ms", "us", "ns"])
def test_the_unit_of_a_tables_clock_shows_in_its_size(tmp_path: Path, unit: int) -> None:
    rows = [*whole_book(0, 100, unit=unit), book_row(3, "false", "bid", 99, 3, unit=unit)]
    tape = read(tmp_path / "l2.csv", table(*rows))
    assert (tape.start_ns, tape.end_ns) == (START_MS * 10**6, (START_MS + 300) * 10**6)


@pytest.mark.parametrize("futures", [False, True])
def test_an_exchange_clock_in_microseconds_makes_the_same_tape(tmp_path: Path, futures: bool) -> None:
    recording = BinanceRecording(Market(seed=2), futures=futures).write()
    expected = import_tape(paths=[recording.save(tmp_path / "ms.dat")])
    for at, line in enumerate(recording.lines):
        clock, _, text = line.partition(" ")
        message = json.loads(text)
        data = message.get("data", message)
        data |= {name: data[name] * 1000 for name in ("E", "T") if name in data}
        recording.lines[at] = f"{clock} {json.dumps(message)}"
    tape = import_tape(paths=[recording.save(tmp_path / "us.dat")])
    assert tape.meta.digest == expected.meta.digest
    assert tape.meta.faults == expected.meta.faults


def spell(rows: list[str], change: Callable[[str], str]) -> str:
    return "\n".join(change(line) for line in [L2, *rows]) + "\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace("true", "True").replace("false", "False"),
        lambda line: line.replace("true", "1").replace("false", "0"),
        lambda line: line.replace("true", "TRUE").replace(",bid,", ",BID,"),
        lambda line: ",".join(f'"{cell}"' for cell in line.split(",")),
        lambda line: line.replace(",", ";"),
        lambda line: line.replace(",", ", "),
        lambda line: line.replace("is_snapshot", "isSnapshot").replace("local_timestamp", "Local Timestamp"),
        lambda line: line.upper(),
        lambda line: f",{line}" if line == L2 else f"7,{line}",
        lambda line: line + "\r",
        lambda line: f"\ufeff{line}" if line == L2 else line,
        lambda line: ",".join(reversed(line.split(","))),
    ],
    ids=[
        "True",
        "1",
        "TRUE",
        "quoted",
        "semicolon",
        "spaces",
        "camel",
        "upper",
        "index",
        "crlf",
        "bom",
        "order",
    ],
)
def test_a_table_that_was_saved_again_is_read_the_same(tmp_path: Path, change: Callable[[str], str]) -> None:
    rows = [*whole_book(0, 100), book_row(1, "false", "bid", 99, 3), book_row(2, "false", "ask", 101, 0)]
    expected = read(tmp_path / "a.csv", table(*rows))
    tape = read(tmp_path / "b.csv", spell(rows, change))
    assert tape.meta.digest == expected.meta.digest
    assert not any(tape.meta.faults.values())


def test_what_is_dropped_is_counted_by_its_reason(tmp_path: Path) -> None:
    rows = [*whole_book(0, 100), *whole_book(1, 100, "false")]
    rows += [
        book_row(2, "maybe", "bid", 99),
        book_row(2, "false", "middle", 99),
        book_row(2, "false", "bid", "x"),
    ]
    rows += ["binance-futures,ABCUSDT,yesterday,1,false,bid,99,1", *whole_book(3, 100, "false")]
    measures = read(tmp_path / "l2.csv", table(*rows)).meta.measures
    dropped = {name: count for name, count in measures.items() if name.startswith("dropped_")}
    assert dropped == {"dropped_is_snapshot": 1, "dropped_side": 1, "dropped_number": 1, "dropped_time": 1}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (lambda k: book_row(k, "maybe", "bid", 99), "is_snapshot"),
        (lambda k: book_row(k, "false", "bid", "99;5"), "number"),
        (lambda k: book_row(k, "false", "bid", 99).replace(",17000000", ",then"), "time"),
    ],
)
def test_a_file_most_of_whose_lines_are_not_understood_is_refused(
    tmp_path: Path, row: Callable[[int], str], says: str
) -> None:
    with pytest.raises(TapeError, match=rf"l2.csv:8: \d+ of \d+ lines are not understood.*{says}"):
        read(tmp_path / "l2.csv", table(*whole_book(0, 100), *(row(k) for k in range(1, 20))))


CONTRACTS = [
    ("okex-swap", "BTC-USD-SWAP", "inverse"),
    ("okex-futures", "BTC-USD-250926", "inverse"),
    ("gate-io-futures", "BTC_USD", "inverse"),
    ("bybit", "BTCUSD", "inverse"),
    ("bybit", "BTCUSDZ24", "inverse"),
    ("bitget-futures", "BTCUSD", "inverse"),
    ("bitget-futures", "BTCUSD_DMCBL", "inverse"),
    ("deribit", "BTC-PERPETUAL", "inverse"),
    ("deribit", "ETH-27DEC24", "inverse"),
    ("deribit", "BTC-27DEC24-100000-C", "option"),
    ("binance-delivery", "BTCUSD_PERP", "inverse"),
    ("bitmex", "XBTUSD", "inverse"),
    ("bitmex", "XBTH25", "inverse"),
    ("bitmex", "ETHUSD", "quanto"),
    ("huobi-dm", "BTC_CW", "inverse"),
    ("huobi-dm-swap", "BTC-USD", "inverse"),
    ("cryptofacilities", "PI_XBTUSD", "inverse"),
    ("cryptofacilities", "FI_XBTUSD_250926", "inverse"),
    ("kucoin-futures", "XBTUSDM", "inverse"),
    ("kucoin-futures", "XBTMH25", "inverse"),
    ("phemex", "BTCUSD", "inverse"),
    ("delta", "BTCUSD", "inverse"),
    ("okex-options", "BTC-USD-250926-100000-C", "option"),
    ("okex-spreads", "BTC-USDT_BTC-USDT-SWAP", "spread"),
]


@pytest.mark.parametrize(("exchange", "symbol", "what"), CONTRACTS)
def test_what_a_tape_cannot_hold_is_refused_by_its_name(
    tmp_path: Path, exchange: str, symbol: str, what: str
) -> None:
    rows = [row.replace("binance-futures,ABCUSDT", f"{exchange},{symbol}") for row in whole_book(0, 100)]
    with pytest.raises(TapeError, match=rf"l2.csv:2: {symbol} is an? {what}"):
        read(tmp_path / "l2.csv", table(*rows))


@pytest.mark.parametrize(
    ("exchange", "symbol", "kind", "counted"),
    [
        ("binance-futures", "BTCUSDT", "linear", False),
        ("binance-futures", "ETHBTC", "linear", False),
        ("binance", "BTCUSDT", "spot", False),
        ("bybit", "BTCPERP", "linear", False),
        ("bybit", "BTC-26SEP25", "linear", False),
        ("bybit-spot", "BTCUSDT", "spot", False),
        ("bitget-futures", "BTCUSDT", "linear", False),
        ("deribit", "BTC_USDC-PERPETUAL", "linear", False),
        ("cryptofacilities", "PF_XBTUSD", "linear", False),
        ("dydx", "BTC-USD", "linear", False),
        ("hyperliquid", "BTC", "linear", False),
        ("coinbase", "BTC-USD", "spot", False),
        ("ftx", "BTC/USD", "spot", False),
        ("okex-swap", "BTC-USDT-SWAP", "linear", True),
        ("gate-io-futures", "BTC_USDT", "linear", True),
        ("huobi-dm-linear-swap", "BTC-USDT", "linear", True),
        ("kucoin-futures", "XBTUSDTM", "linear", True),
        ("bitmex", "XBTUSDT", "linear", True),
        ("nowhere", "BTCUSDT", "", False),
    ],
)
def test_what_a_quantity_is_of_depends_on_the_venue(
    exchange: str, symbol: str, kind: str, counted: bool
) -> None:
    assert contract_of(exchange=exchange, symbol=symbol, where="x") == (kind, counted)


def test_contracts_need_the_coins_of_one(tmp_path: Path) -> None:
    rows = [row.replace("binance-futures,ABCUSDT", "okex-swap,ABC-USDT-SWAP") for row in whole_book(0, 100)]
    with pytest.raises(TapeError, match="are contracts, not coins; allowed with --multiplier"):
        read(tmp_path / "l2.csv", table(*rows))
    tape = read(tmp_path / "l2.csv", table(*rows), multiplier="0.01")
    assert tape.instrument.lot_size == "0.02"
    assert (tape.instrument.base, tape.instrument.quote) == ("ABC", "USDT")
    with pytest.raises(TapeError, match="--multiplier is 0; allowed a decimal above 0"):
        read(tmp_path / "l2.csv", table(*rows), multiplier="0")


def test_a_venue_that_nobody_knows_needs_its_kind(tmp_path: Path) -> None:
    rows = [row.replace("binance-futures", "nowhere") for row in whole_book(0, 100)]
    with pytest.raises(TapeError, match="is not known; allowed --kind linear or spot"):
        read(tmp_path / "l2.csv", table(*rows))
    assert read(tmp_path / "l2.csv", table(*rows), kind="spot").instrument.kind == "spot"


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("BTC-USDT-SWAP", "BTC", "USDT"),
        ("BTC_USDC-PERPETUAL", "BTC", "USDC"),
        ("BTC/USD", "BTC", "USD"),
        ("PF_XBTUSD", "XBT", "USD"),
        ("BTCUSDT_240927", "BTC", "USDT"),
        ("BTC-PERP", "BTC", ""),
        ("SPOT_BTC_USDT", "BTC", "USDT"),
    ],
)
def test_a_symbol_is_split_into_its_coins(symbol: str, base: str, quote: str) -> None:
    assert split_symbol(symbol=symbol) == (base, quote)


def test_a_number_with_a_floats_noise_does_not_decide_the_lot(tmp_path: Path) -> None:
    rows = [*whole_book(0, 100), book_row(1, "false", "bid", 99, "0.30000000000000004")]
    with pytest.raises(TapeError, match=r"l2.csv:8: quantity 0.30000000000000004 bears the noise"):
        read(tmp_path / "l2.csv", table(*rows))
    rows[-1] = book_row(1, "false", "bid", "98.99999999999999", 1)
    with pytest.raises(TapeError, match=r"l2.csv:8: price 98.99999999999999 bears the noise"):
        read(tmp_path / "l2.csv", table(*rows))


def test_long_numbers_are_kept_when_they_can_be_and_else_dropped(tmp_path: Path) -> None:
    long = [
        book_row(1, "false", "bid", 99, "1234567890.12345678"),  # a cheap coin's, on a grid of 1e-8
        book_row(2, "false", "bid", 98, "1234567890.00000001"),
        book_row(3, "false", "ask", 101, "0.500000000000000000000000"),
        book_row(4, "false", "ask", 102, "0.1234567890123456789012"),
    ]
    tape = read(tmp_path / "l2.csv", table(*whole_book(0, 100), *long))
    assert tape.instrument.lot_size == "0.00000001"
    assert final_book(tape)[-1, 101] == 50_000_000
    assert tape.meta.measures["dropped_number"] == 1


def line(ms: int, message: dict[str, Any]) -> str:
    return f"{(START_MS + ms) * 10**6} {json.dumps(message)}"


def climbing(streams: set[str], *, futures: bool, named: bool = True, steps: int = 40) -> str:
    """Return a book of ten levels that climbs a tick a step, as diffs, as its best five, or as both."""

    def told(symbols: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"stream": f"abcusdt@{symbols}", "data": data} if named else data

    def levels(mid: int, sign: int, count: int) -> list[list[str]]:
        return [[str(mid + sign * step), "2"] for step in range(1, count + 1)]

    mid, ident, last = 1000, 100, 100
    lines = []
    if "depth" in streams:
        snapshot = {"lastUpdateId": 100, "bids": levels(mid, -1, 10), "asks": levels(mid, 1, 10)}
        lines.append(line(0, snapshot))
    for step in range(1, steps):
        at = START_MS + 100 * step
        event = {"e": "depthUpdate", "E": at, "s": "ABCUSDT"} | ({"T": at} if futures else {})
        new, first, before = mid + 1, ident + 1, ident
        ident += 3
        best = {"b": levels(new, -1, 5), "a": levels(new, 1, 5)}
        if "depth5" in streams and futures:
            data = {**event, "U": last + 1, "u": ident, "pu": last, **best}
            lines.append(line(100 * step + 3, told("depth5@100ms", data)))
            last = ident
        elif "depth5" in streams:
            data = {"lastUpdateId": ident, "bids": best["b"], "asks": best["a"]}
            lines.append(line(100 * step + 3, told("depth5@100ms", data)))
        if "depth" in streams:
            data = {**event, "U": first, "u": ident} | ({"pu": before} if futures else {})
            data["b"] = [[str(mid), "2"], [str(mid - 10), "0"]]
            data["a"] = [[str(mid + 1), "0"], [str(new + 10), "2"]]
            lines.append(line(100 * step + 4, told("depth@100ms", data)))
        trade = {
            "e": "trade",
            "E": at,
            "T": at,
            "s": "ABCUSDT",
            "t": step,
            "p": str(mid),
            "q": "2",
            "m": False,
        }
        lines.append(line(100 * step + 5, told("trade", trade)))
        mid = new
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("futures", [True, False])
def test_the_best_levels_alone_are_a_book_of_as_many_levels(
    tmp_path: Path, futures: bool, named: bool
) -> None:
    tape = read(tmp_path / "a.dat", climbing({"depth5"}, futures=futures, named=named))
    bids, asks = range(1034, 1039), range(1040, 1045)
    assert set(final_book(tape)) == {(1, price) for price in bids} | {(-1, price) for price in asks}
    assert not any(count for name, count in tape.meta.faults.items() if name != "clock_faults")
    assert tape.meta.measures["book_levels"] == 5


@pytest.mark.parametrize("futures", [True, False])
def test_the_best_levels_beside_the_whole_book_change_nothing(tmp_path: Path, futures: bool) -> None:
    alone = read(tmp_path / "a.dat", climbing({"depth"}, futures=futures))
    tape = read(tmp_path / "b.dat", climbing({"depth", "depth5"}, futures=futures))
    assert tape.meta.digest == alone.meta.digest
    assert tape.meta.faults["duplicate_updates"] == 0
    assert tape.meta.measures["partial_depth_ignored"] == 39


def test_a_book_that_is_crossed_most_of_the_time_is_refused(tmp_path: Path) -> None:
    text = climbing({"depth5"}, futures=True).replace("@depth5", "@depth")
    snapshot = {"lastUpdateId": 100, "bids": [["999", "2"]], "asks": [["1001", "2"]]}
    with pytest.raises(TapeError, match="the book is crossed after"):
        read(tmp_path / "a.dat", line(0, snapshot) + "\n" + text)


def test_prices_may_be_json_numbers_and_flags_words(tmp_path: Path) -> None:
    text = climbing({"depth"}, futures=True)
    expected = read(tmp_path / "a.dat", text)
    lines = []
    for row in text.splitlines():
        clock, _, message = row.partition(" ")
        bare = message.replace('"m": false', '"m": "False"')
        for number in range(980, 1060):
            bare = bare.replace(f'"{number}"', f"{number}.50")
        lines.append(f"{clock} {bare.replace(chr(34) + '2' + chr(34), '2')}")
    tape = read(tmp_path / "b.dat", "\n".join(lines) + "\n")
    assert not tape.meta.faults["corrupt_lines"]
    assert (tape.kind == TRADE).sum() == 38
    assert len(tape) == len(expected)
    assert max(price for side, price in final_book(tape) if side == 1) * tape.instrument.tick == 1038.5


def test_a_maker_flag_that_is_no_flag_is_dropped(tmp_path: Path) -> None:
    text = climbing({"depth"}, futures=True).replace('"m": false', '"m": "buyer"', 1)
    assert read(tmp_path / "a.dat", text).meta.measures["dropped_message"] == 1


def bybit(kind: str, u: int, ms: int, price: int, depth: int = 200) -> str:
    data = {"s": "ABCUSDT", "b": [[str(price), "1"]], "a": [[str(price + 2), "1"]], "u": u, "seq": u}
    return json.dumps(
        {"topic": f"orderbook.{depth}.ABCUSDT", "type": kind, "ts": START_MS + ms, "data": data}
    )


@pytest.mark.parametrize("rpi", [False, True])
def test_a_bybit_spot_archive_names_its_symbol_in_the_files_name(tmp_path: Path, rpi: bool) -> None:
    book = tmp_path / "ob.data"
    book.write_text("\n".join([bybit("snapshot", 1, 0, 99), bybit("delta", 2, 20, 99)]) + "\n")
    trades = tmp_path / "ABCUSDT_2023-11-14.csv"
    rows = [f"{k},{START_MS + k},100.5,{k}.5,{'buy' if k % 2 else 'sell'}" for k in range(1, 9)]
    rows = [f"{row},{int(k == 3)}" for k, row in enumerate(rows)] if rpi else rows
    trades.write_text("\n".join(["id,timestamp,price,volume,side" + ",rpi" * rpi, *rows]) + "\n")
    tape = import_tape(paths=[book, trades])
    assert (tape.kind == TRADE).sum() == 8 - rpi
    assert tape.meta.measures.get("rpi_trades", 0) == rpi
    assert (tape.instrument.kind, tape.instrument.symbol) == ("spot", "ABCUSDT")
    assert tape.exch_ts_ns[tape.kind == TRADE][0] == (START_MS + 1) * 10**6


def test_a_shallower_bybit_book_beside_a_deeper_one_is_ignored(tmp_path: Path) -> None:
    deep = [bybit("snapshot", 10, 0, 90), *(bybit("delta", 10 + k, 20 * k, 90) for k in range(1, 5))]
    best = [bybit("snapshot", 5 + k, 20 * k + 1, 95, depth=1) for k in range(4)]
    lines = [f"{(START_MS + k) * 10**6} {text}" for k, text in enumerate([*deep, *best])]
    tape = read(tmp_path / "a.dat", "\n".join(lines) + "\n")
    assert set(final_book(tape)) == {(1, 90), (-1, 92)}
    assert tape.meta.measures["shallower_books_ignored"] == 1


def trade_rows(numbers: list[int]) -> list[str]:
    """Return trades a second apart with these numbers."""
    rows = []
    for k, number in enumerate(numbers):
        at = (START_MS + 1_000 * k) * 1_000
        rows.append(f"binance-futures,ABCUSDT,{at},{at + 9},{number},buy,{100 + k},1")
    return rows


def test_trades_whose_numbers_are_no_order_of_time_are_ordered_by_time(tmp_path: Path) -> None:
    order = [7 * k % 40 for k in range(40)]
    tape = read(tmp_path / "t.csv", table(*trade_rows(order), header=TRADES))
    assert tape.price_ticks.tolist() == list(range(100, 140))
    assert tape.meta.faults["clock_faults"] == 0
    numbered = read(tmp_path / "t.csv", table(*reversed(trade_rows(list(range(40)))), header=TRADES))
    assert numbered.price_ticks.tolist() == list(range(100, 140))


def test_a_table_in_utf_16_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "l2.csv").write_bytes(table(*whole_book(0, 100)).encode("utf-16"))
    with pytest.raises(TapeError, match="format not recognised"):
        import_tape(paths=[tmp_path / "l2.csv"])


def test_two_exchanges_are_not_one_book(tmp_path: Path) -> None:
    other = [row.replace("binance-futures", "bybit") for row in whole_book(1, 100, "false")]
    with pytest.raises(TapeError, match=r"l2.csv:8: bybit beside binance-futures; allowed one exchange"):
        read(tmp_path / "l2.csv", table(*whole_book(0, 100), *other))


def test_a_refusal_tells_what_was_dropped_before_it(tmp_path: Path) -> None:
    rows = [row.replace(",2", ",nan") for row in whole_book(0, 100)]
    with pytest.raises(TapeError, match=r"no order book snapshot.*\(lines not understood: number \d\)"):
        read(tmp_path / "l2.csv", table(*rows, *whole_book(1, 100, "false"), *whole_book(2, 101, "false")))
