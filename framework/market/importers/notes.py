"""What an import says of a tape beside its faults: how deep its book is, what was assumed, what dropped."""

from collections.abc import Mapping


def notes(*, measures: Mapping[str, int], has_book: bool) -> list[str]:
    """Return a line for each thing worth knowing before a tape is used."""
    told = []
    if not has_book:
        told.append("book: none, trades only; a soak needs a book")
    elif measures.get("one_level_book"):
        told.append("book: one level a side, the best quotes; nothing is known behind them")
    elif levels := measures.get("book_levels"):
        told.append(f"book: the best {levels} levels a side; what rests behind them is not known")
    if unit := measures.get("clock_unit_ns"):
        told.append(f"clock: {'microseconds' if unit == 1000 else 'milliseconds'}")
    if measures.get("kind_assumed"):
        told.append("market: assumed linear, nothing in the files tells it; give --kind spot where it is not")
    if checked := measures.get("trades_checked"):
        inside = 100.0 * (1 - measures.get("trades_outside_book", 0) / checked)
        told.append(f"trades: {inside:.1f} % of {checked:,} looked at print within the book around them")
    dropped = {
        name.removeprefix("dropped_"): count
        for name, count in measures.items()
        if name.startswith("dropped_")
    }
    if dropped:
        told.append("dropped: " + ", ".join(f"{name} {count:,}" for name, count in sorted(dropped.items())))
    for name, what in (
        ("events_before_book", "events from before the book begins are left out"),
        ("diffs_before_book", "updates from before the first snapshot are left out"),
        ("trades_after_book", "trades come more than 300 s after the book's last word"),
        ("empty_trades", "trades without a quantity are left out"),
    ):
        if count := measures.get(name):
            told.append(f"dropped: {count:,} {what}" if "left out" in what else f"book: {count:,} {what}")
    ignored = {name: count for name, count in measures.items() if "ignored" in name and count}
    if ignored:
        told.append("left out: " + ", ".join(f"{name} {count:,}" for name, count in sorted(ignored.items())))
    return told
