"""What a run that was killed had under way, read from its journal and told by the next one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.files.atomic import write_json
from framework.files.errors import HeldError
from framework.session.intent_file import INTENTS, read_journal
from framework.session.reconcile import Known
from framework.session.run_folder import RUN, RUN_NAME, STARTED, RunFolder


def tell_cut_off(folder: RunFolder) -> list[str]:
    """Give a line for the latest run before this that was cut off, and write it down in that run's folder.

    Its simulated exchange ended with it, so nothing of it is taken over. A run that still goes on holds its
    journal, and one that has been told of is not told again.
    """
    if not RUN_NAME.fullmatch(folder.path.name):
        return []
    beside = sorted(
        p for p in folder.path.parent.iterdir() if RUN_NAME.fullmatch(p.name) and p != folder.path
    )
    for run in reversed(beside):
        about = _about(run)
        if about.get("reason") != STARTED or not (run / INTENTS).exists():
            continue
        try:
            left = left_by(read_journal(run / INTENTS))
            write_json(path=run / RUN, value={**about, "reason": f"cut off with {left}"})
        except HeldError:  # it goes on
            continue
        except QuoteopsError as error:
            left = f"a journal that cannot be used: {error}"
        return [f"| journal | CUT OFF | {run.name}: {left}; its simulated exchange ended with it |"]
    return []


def left_by(known: Known) -> str:
    """Say in words what was under way."""
    held = ", ".join(f"{lots:g} {symbol}" for symbol, lots in sorted(known.positions.items()))
    count = len(known.orders)
    return f"{count} order{'s' * (count != 1)} open, position {held or 'none'}"


def _about(run: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((run / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
