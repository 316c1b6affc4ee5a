"""Numbers for a script of the page: 16 bits each, as text, the last value meaning that nothing is known."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np

UNKNOWN = 65_535
"""The number that stands for a value that is not known."""


@dataclass(frozen=True)
class Packed:
    """Values as ``low + step * n``, the n little-endian in base64."""

    low: float
    step: float
    data: str


def packed(values: Any, *, unit: float = 0.0) -> Packed:
    """Pack values, exact in multiples of ``unit`` where their range allows it."""
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    low, high = (float(given[known].min()), float(given[known].max())) if known.any() else (0.0, 0.0)
    step = max(_short((high - low) / (UNKNOWN - 1) * 1.0001), unit) or 1.0
    low = round(low / unit) * unit if unit else low
    numbers = np.full(len(given), UNKNOWN, "<u2")
    numbers[known] = np.clip(np.rint((given[known] - low) / step), 0, UNKNOWN - 1)
    return Packed(float(f"{low:.12g}"), step, b64encode(numbers.tobytes()).decode("ascii"))


def unpacked(given: Packed) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give the values of packed ones; what is not known is not a number."""
    raw = np.frombuffer(b64decode(given.data), "<u2").astype(np.float64)
    return np.where(raw == UNKNOWN, np.nan, given.low + given.step * raw)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
