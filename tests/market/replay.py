"""The plainest possible replay of a tape's book, to compare everything else with."""

from framework.market.events import CLEAR, DEPTH, GAP, TRADE
from framework.market.tape import Tape

State = tuple[dict[tuple[int, int], int], bool]


class ReferenceBook:
    """Apply rows to a dict of (side, price) → quantity; a gap empties it until a CLEAR of both sides."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, int], int] = {}
        self.trusted = True

    def apply(self, kind: int, side: int, price: int, qty: int) -> None:
        """Apply one row."""
        if kind == GAP:
            self.levels, self.trusted = {}, False
        elif kind == CLEAR and side == 0:
            self.levels, self.trusted = {}, True
        elif kind == CLEAR:
            self.levels = {key: held for key, held in self.levels.items() if key[0] != side}
        elif kind == DEPTH and self.trusted:
            self.levels.pop((side, price), None)
            if qty:
                self.levels[side, price] = qty
        assert kind in (CLEAR, DEPTH, GAP, TRADE)

    def state(self) -> State:
        """Return a copy of the levels and whether they are trusted."""
        return dict(self.levels), self.trusted


def states(tape: Tape, *, since_ns: int = 0) -> list[tuple[int, int, State]]:
    """Return (time, kind, state after it) of every row at or after a time."""
    book = ReferenceBook()
    seen = []
    rows = zip(
        tape.exch_ts_ns.tolist(), tape.kind.tolist(), tape.side.tolist(),
        tape.price_ticks.tolist(), tape.qty_lots.tolist(), strict=True,
    )  # fmt: skip
    for ts, kind, side, price, qty in rows:
        book.apply(kind, side, price, qty)
        if ts >= since_ns:
            seen.append((ts, kind, book.state()))
    return seen


def final_book(tape: Tape) -> dict[tuple[int, int], int]:
    """Return the levels after the last row."""
    return states(tape)[-1][2][0]
