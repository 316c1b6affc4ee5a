"""reports/blocks.json: what a run keeps for those that are compared with it, its blocks and its curve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.soak.beside import Kept
from framework.soak.page.packed import Packed, packed, unpacked
from framework.soak.page.series import added_up, money_over_time, slots
from framework.soak.versus import COMPARED, blocks_of, cut_for

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

FILE = Path("reports") / "blocks.json"
COLUMNS = 300
"""Columns of the curve that is kept, each with its lowest and its highest point."""


def kept_of(result: SoakResult) -> dict[str, Any]:
    """Return the content of blocks.json."""
    windows = result.wholes
    start_ns, end_ns = result.market.start_ns, result.market.end_ns
    money = added_up([money_over_time(window) for window in windows])
    curve = slots(money.seconds, money.net, length=max((end_ns - start_ns) / 1e9, 1e-9), columns=COLUMNS)
    return {
        "block_s": cut_for(windows).block_s,
        **{name: column.tolist() for name, column in blocks_of(windows).items()},
        "start_ns": start_ns,
        "end_ns": end_ns,
        "curve": asdict(packed(curve)),
    }


def read_kept(run: Path) -> Kept | None:
    """Read what a run kept; None of a run that kept nothing readable."""
    try:
        held: Mapping[str, Any] = json.loads((run / FILE).read_text("utf-8"))
        return Kept(
            block_s=int(held["block_s"]),
            blocks={name: np.asarray(held[name], dtype=np.float64) for name in COMPARED},
            start_ns=int(held["start_ns"]),
            end_ns=int(held["end_ns"]),
            curve=unpacked(Packed(**held["curve"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
