"""The leading cell of a sweep as a soak of its own, with every report and its page."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

from framework.session.errors import SoakError
from framework.session.run_folder import COMPLETE, RUN
from framework.session.ticks import tick_bps_of
from framework.settings.compose import Composed
from framework.soak.run import run_soak
from framework.soak.sweep.row import Measured, SweepRow, measured_of

WINNER = "winner"


def play_winner(*, composed: Composed, row: SweepRow, folder: Path, home: Path) -> None:
    """Play the cell once more, here, and leave all artifacts in winner/; one that is there already stays.

    Raises SoakError when it comes out otherwise than in its worker: then no row can be trusted.
    """
    place = folder / WINNER
    if _is_there(place, composed):
        return
    shutil.rmtree(place, ignore_errors=True)
    result, _ = run_soak(
        composed=replace(composed, run_dir=place),
        log=lambda _: None,
        home=home,
        publish=False,
    )
    again = measured_of(
        verdict=result.verdict.value,
        totals=result.totals,
        quote=result.reported.quote,
        tick_bps=tick_bps_of(result.wholes),
    )
    names = sorted(field.name for field in fields(Measured))
    other = [name for name in names if getattr(row.measured, name) != getattr(again, name)]
    if other:
        raise SoakError(
            f"{place}: cell {row.cell} played again differs from its row in {', '.join(other)}; the sweep"
            f" is not to be trusted"
        )


def _is_there(place: Path, composed: Composed) -> bool:
    try:
        run = json.loads((place / RUN).read_text(encoding="utf-8"))
        return bool(
            run["status"] == COMPLETE and run["settings"] == composed.settings.model_dump(mode="json")
        )
    except (OSError, ValueError, KeyError):
        return False
