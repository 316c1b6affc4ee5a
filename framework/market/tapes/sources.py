"""Which tape is meant, in plain words: recorded in an archive, or made from a seed."""

from __future__ import annotations

from dataclasses import dataclass

from framework.market.made import Made
from framework.market.tape import Tape


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An archive's tape of a symbol (None: its only one), cut to start <= time < end (UTC)."""

    path: str
    symbol: str | None = None
    start: str | None = None
    end: str | None = None

    @property
    def whole(self) -> bool:
        """Tell whether nothing is cut off."""
        return self.start is None and self.end is None

    def open(self, *, exact: bool = False) -> Tape:
        """Open it, ``exact`` with every value digested; raises TapeError."""
        from framework.market.store import open_tape

        return open_tape(self.path, symbol=self.symbol, start=self.start, end=self.end, exact=exact)


TapeSource = Recorded | Made
