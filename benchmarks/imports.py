"""How fast each importer reads its vendor's layout, beside a plain read of the same file.

    python -m benchmarks.imports [--rows 300000] [--rounds 3] [--only tardis_l2]

One seeded market is written in every layout, packed as the vendor packs it. Each import and each peer is a
process of its own; the figure is its processor time and the most memory it took. The peer parses the same
file into columns of floats and nothing more: pyarrow, and polars where it is installed (it is no dependency).
An import keeps exact decimals, orders, folds the book, checks and counts, and ends with a tape.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

START_US = 1_700_000_000_000_000
DEPTH = 25
Step = tuple[int, int, list[tuple[int, int, int]]]
"""Time in us, price of the touch's bid in ticks, and the levels that changed: side, price, lots."""


class Market:
    """Walk a book of DEPTH levels a side and more, by a seed."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self.mid, self.clock, self.book = 300_000, START_US, dict[tuple[int, int], int]()
        for at in range(4 * DEPTH):
            self.book[1, self.mid - at] = self.lots()
            self.book[-1, self.mid + 1 + at] = self.lots()

    def lots(self) -> int:
        """Draw a quantity."""
        return self._random.randint(1, 99_999)

    def step(self) -> list[tuple[int, int, int]]:
        """Move time and one to three levels; now and then the touch. Return what changed."""
        draw = self._random
        self.clock += draw.randint(1, 30) * 1000
        changed = []
        if draw.random() < 0.1:
            up = draw.random() < 0.5
            gone = (-1, self.mid + 1) if up else (1, self.mid)
            self.book.pop(gone, None)
            changed.append((*gone, 0))
            self.mid += 1 if up else -1
            come = (1, self.mid) if up else (-1, self.mid + 1)
            changed.append((*come, self.book.setdefault(come, self.lots())))
        for _ in range(draw.randint(1, 2)):
            side, at = draw.choice((1, -1)), draw.randint(0, DEPTH)
            key = (side, self.mid - at if side == 1 else self.mid + 1 + at)
            self.book[key] = self.lots()
            changed.append((*key, self.book[key]))
        return changed


def binance_ticker(out: IO[str], rows: int) -> int:
    """Write a bookTicker archive."""
    market = Market()
    out.write(
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
    )
    for row in range(rows):
        market.step()
        bid, ask = market.book[1, market.mid], market.book[-1, market.mid + 1]
        at = market.clock // 1000
        out.write(
            f"{10**12 + 7 * row},{market.mid / 10:.2f},{bid / 1000:.3f},{(market.mid + 1) / 10:.2f},"
            f"{ask / 1000:.3f},{at},{at + 4}\n"
        )
    return rows


def binance_trades(out: IO[str], rows: int) -> int:
    """Write a trades archive."""
    market = Market()
    out.write("id,price,qty,quote_qty,time,is_buyer_maker\n")
    for row in range(rows):
        market.step()
        price, qty = market.mid / 10, market.lots() / 1000
        maker = "true" if row % 3 else "false"
        out.write(f"{10**9 + row},{price:.2f},{qty:.3f},{price * qty:.4f},{market.clock // 1000},{maker}\n")
    return rows


def tardis_snapshot_25(out: IO[str], rows: int) -> int:
    """Write snapshots of 25 levels, a fifth of the rows: each has a hundred numbers."""
    market, rows = Market(), rows // 5
    sides = ("asks", "bids")
    names = (f"{side}[{at}].{what}" for at in range(DEPTH) for side in sides for what in ("price", "amount"))
    out.write(f"exchange,symbol,timestamp,local_timestamp,{','.join(names)}\n")
    for _ in range(rows):
        market.step()
        told = [f"binance-futures,BTCUSDT,{market.clock},{market.clock + 900}"]
        for at in range(DEPTH):
            for key in ((-1, market.mid + 1 + at), (1, market.mid - at)):
                told.append(f"{key[1] / 10:g},{market.book.setdefault(key, market.lots()) / 1000:g}")
        out.write(",".join(told) + "\n")
    return rows


def tardis_l2(out: IO[str], rows: int) -> int:
    """Write incremental_book_L2."""
    market, written = Market(), 0
    out.write("exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n")
    told, flag = [(*key, lots) for key, lots in market.book.items()], "true"
    while written < rows:
        stamp = f"binance-futures,BTCUSDT,{market.clock},{market.clock + 900},{flag}"
        for side, price, lots in told:
            out.write(f"{stamp},{'bid' if side == 1 else 'ask'},{price / 10:g},{lots / 1000:g}\n")
        written += len(told)
        told, flag = market.step(), "false"
    return written


def bybit_book(out: IO[str], rows: int) -> int:
    """Write an order book archive: one message a line."""
    market = Market()
    told, kind = [(*key, lots) for key, lots in market.book.items()], "snapshot"
    for row in range(rows):
        sides = {
            name: [[f"{price / 10:.2f}", f"{lots / 1000:.3f}"] for side, price, lots in told if side == sign]
            for name, sign in (("b", 1), ("a", -1))
        }
        at = market.clock // 1000
        data = {"s": "BTCUSDT", **sides, "u": row + 1, "seq": 9 * row}
        message = {"topic": "orderbook.200.BTCUSDT", "type": kind, "ts": at + 3, "data": data, "cts": at}
        out.write(json.dumps(message, separators=(",", ":")) + "\n")
        told, kind = market.step(), "delta"
    return rows


def cryptofeed_book(path: Path, rows: int) -> int:
    """Write cryptostore's rows, a level each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    market, columns = (
        Market(),
        {name: list[Any]() for name in ("timestamp", "delta", "side", "price", "size")},
    )
    told, delta = [(*key, lots) for key, lots in market.book.items()], False
    while len(columns["side"]) < rows:
        for side, price, lots in sorted(told, reverse=True):
            values = (market.clock / 1e6, delta, "bid" if side == 1 else "ask", price / 10, lots / 1000)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        told, delta = market.step(), True
    pq.write_table(pa.table({"receipt_timestamp": columns["timestamp"], **columns}), path)
    return len(columns["side"])


TEXTS: dict[str, tuple[str, Callable[[IO[str], int], int]]] = {
    "binance_ticker": ("BTCUSDT-bookTicker-2023-11-14.csv.gz", binance_ticker),
    "binance_trades": ("BTCUSDT-trades-2023-11-14.csv.gz", binance_trades),
    "tardis_snapshot_25": ("snapshots.csv.gz", tardis_snapshot_25),
    "tardis_l2": ("l2.csv.gz", tardis_l2),
    "bybit_book": ("2023-11-14_BTCUSDT_ob200.data.gz", bybit_book),
}
PARQUET = "BINANCE_FUTURES-l2_book-BTC-USDT-PERP-1700000000.parquet"


def written(folder: Path, rows: int) -> Iterator[tuple[str, Path, int]]:
    """Yield name, file and rows of each layout."""
    for name, (file, write) in TEXTS.items():
        with gzip.open(folder / file, "wt", compresslevel=4) as out:
            count = write(out, rows)
        yield name, folder / file, count
    yield "cryptofeed_book", folder / PARQUET, cryptofeed_book(folder / PARQUET, rows)


def work(what: str, path: Path) -> None:
    """Import a file, or read it as a peer does; say the processor time and the most memory."""
    begin = time.process_time()
    if what == "import":
        from framework.market.importers.table import import_tape

        import_tape(paths=[path])
    elif what == "pyarrow":
        _read_by_pyarrow(path)
    else:
        _read_by_polars(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": time.process_time() - begin, "peak_mb": peak}))


def _read_by_pyarrow(path: Path) -> None:
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    if path.suffix == ".parquet":
        pyarrow.parquet.read_table(path)
    elif ".data" in path.name:
        with gzip.open(path) as stream:
            pyarrow.json.read_json(stream)
    else:
        pyarrow.csv.read_csv(path)


def _read_by_polars(path: Path) -> None:
    import polars  # type: ignore[import-not-found, unused-ignore]

    if path.suffix == ".parquet":
        polars.read_parquet(path)
    elif ".data" in path.name:
        with gzip.open(path) as stream:
            polars.read_ndjson(stream.read())
    else:
        polars.read_csv(path)


def measured(what: str, path: Path, rounds: int) -> dict[str, float] | None:
    """Give the best of some rounds, None where the peer is not installed."""
    told: list[dict[str, float]] = []
    for _ in range(rounds):
        command = [sys.executable, "-m", "benchmarks.imports", "--work", what, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and what == "polars":
            return None
        if done.returncode:
            raise SystemExit(done.stderr)
        told.append(json.loads(done.stdout.splitlines()[-1]))
    return min(told, key=lambda row: row["cpu_s"])


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row a layout."""
    parser = argparse.ArgumentParser(prog="benchmarks.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="one layout by its name")
    parser.add_argument("--work", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.work:
        work(given.work[0], Path(given.work[1]))
        return 0
    print(f"{'layout':<20} {'rows':>8} {'rows/s':>9} {'peak MB':>8}   times the cpu of pyarrow, polars")
    with tempfile.TemporaryDirectory() as folder:
        for name, path, rows in written(Path(folder), given.rows):
            if given.only not in (None, name):
                continue
            ours = measured("import", path, given.rounds)
            assert ours is not None
            peers = [measured(peer, path, given.rounds) for peer in ("pyarrow", "polars")]
            ratios = ", ".join(f"{ours['cpu_s'] / peer['cpu_s']:.1f}" if peer else "-" for peer in peers)
            print(f"{name:<20} {rows:>8,} {rows / ours['cpu_s']:>9,.0f} {ours['peak_mb']:>8,.0f}   {ratios}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
