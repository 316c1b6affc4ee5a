"""What each format is: the one table that the command's help and docs/market.md are drawn from."""

from typing import NamedTuple


class Told(NamedTuple):
    """Describe a format: whose it is, which files and markets, what they hold, and what nobody told."""

    vendor: str
    files: str
    market: str
    holds: str
    inferred: str
    source: str


TOLD = {
    "collector": Told(
        vendor="Binance, Bybit",
        files="`<local time> <exchange JSON>` a line",
        market="spot, USD-M; Bybit linear",
        holds="whole book, best quotes, trades, funding; of a stream of the best levels the book only where "
        "there is no fuller one",
        inferred="exchange time of spot's best quotes",
        source="the exchanges' own stream pages",
    ),
    "bybit": Told(
        vendor="Bybit",
        files="history archives: order book zip of 200, 500 or 1,000 levels, trades csv.gz",
        market="spot, linear",
        holds="book, trades; of two books at one time the deeper one counts",
        inferred="market from the trades' columns, a folder named `spot` or `linear`, or 500 levels, else "
        "assumed linear; symbol of spot trades from the name",
        source="quote-saver.bycsi.com, public.bybit.com",
    ),
    "binance": Told(
        vendor="Binance",
        files="public archives: `bookTicker`, `trades`, `aggTrades`",
        market="spot, USD-M",
        holds="trades; of futures a book of one level a side (spot has no bookTicker archive)",
        inferred="symbol from the name of the file or its member; market and clock unit from the columns",
        source="github.com/binance/binance-public-data",
    ),
    "cryptofeed": Told(
        vendor="cryptofeed",
        files="parquet of cryptostore (a row a level), of the parquet backend (`bid_0_price`, …), trades",
        market="spot, linear",
        holds="book, or its best levels, and trades; a snapshot after a new subscription is a break",
        inferred="symbol from column, metadata, folder `symbol=` or name; floats are the shortest decimals "
        "they stand for",
        source="github.com/bmoscon/cryptostore, leftys/cryptofeed",
    ),
    "tardis": Told(
        vendor="Tardis",
        files="CSV: `incremental_book_L2`, `book_snapshot_25` and `_5`, `quotes`, `trades`",
        market="spot, linear",
        holds="book, trades; of several kinds of book the deepest counts; in L2 a snapshot after updates is "
        "a break, snapshots one after the other replace each other; in book_snapshot a level that leaves the "
        "told depth is deleted, though it may still rest",
        inferred="kind of contract from venue and symbol",
        source="docs.tardis.dev, Data types",
    ),
    "hftbacktest": Told(
        vendor="hftbacktest",
        files="`.npz`, `.npy`",
        market="any",
        holds="book, trades; order within one instant is kept",
        inferred="nothing: `--symbol` is asked for",
        source="hftbacktest.readthedocs.io, Data",
    ),
}


def rows() -> list[str]:
    """Return the table of the documentation, a line a row."""
    head = ("format", *Told._fields)
    lines = [" | ".join(head), "|".join("---" for _ in head)]
    lines += [" | ".join((name, *told)) for name, told in TOLD.items()]
    return [f"| {line} |" if "---" not in line else f"|{line}|" for line in lines]


def help_lines() -> list[str]:
    """Return a line a format for the command's help."""
    width = max(map(len, TOLD))
    return [f"  {name:<{width}}  {told.vendor}: {told.files.replace('`', '')}" for name, told in TOLD.items()]
