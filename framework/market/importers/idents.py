"""Numbers of trades: as the exchange counts them, or drawn from an id that is a text."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
NUMBER = re.compile(r"\d{1,18}", re.ASCII)
HASHED = 1 << 60
"""Above every number of 18 digits: what stands for a text, tells trades apart and not their order."""


def ident_of(*, text: str) -> int:
    """Return one integer for a trade's id: its own number, one drawn from a text, -1 for none."""
    return int(text) if NUMBER.fullmatch(text) else hashed(text=text)


def hashed(*, text: str) -> int:
    """Return one integer drawn from an id without order, -1 for none."""
    return HASHED | int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 4 if text else -1


def idents_of(*, column: Any) -> Ints:
    """Return one integer for each id of a column."""
    return np.array(
        [ident_of(text="" if told is None else str(told)) for told in column.to_pylist()], np.int64
    )
