"""Where the panels of a chart lie, and the ranges of their axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Range = tuple[float, float]
BETWEEN = 30
"""Pixels between two boxes, for the title of the lower one."""


@dataclass(frozen=True)
class Box:
    """A rectangle in CSS pixels from the chart's upper left."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.top + self.height


def stacked(
    *,
    width: int,
    height: int,
    rows: Sequence[float] = (1.0,),
    left: int = 52,
    right: int = 12,
    bottom: int = 26,
    top: int = 24,
) -> list[Box]:
    """Divide a chart into boxes one above the other, their heights in the given proportions."""
    scale = (height - top - bottom - BETWEEN * (len(rows) - 1)) / sum(rows)
    boxes, y = [], float(top)
    for share in rows:
        boxes.append(Box(float(left), y, float(width - left - right), share * scale))
        y += share * scale + BETWEEN
    return boxes


def reach(*values: Any, margin: float = 0.06, zero: bool = False) -> Range:
    """Give the range of everything finite with a margin on both sides, of nothing a range around zero."""
    flat = np.concatenate(
        [np.ravel(np.asarray(v, dtype=np.float64)) for v in (*values, [0.0] if zero else [])]
    )
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        return -1.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    room = (high - low) * margin or abs(high) * 0.05 or 1.0
    return low - room, high + room
