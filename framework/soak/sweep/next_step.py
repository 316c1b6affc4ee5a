"""What to do after a sweep: a value and a command from its own rows, to be typed as it stands."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.gates.comparison import Answer
from framework.gates.explain import hours_words
from framework.session.present import is_world, present_environ, present_words
from framework.session.ticks import SPREAD, narrow_knob
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.soak.advice import IMPORT_MORE, MOST_HOURS, propose_or_compare
from framework.soak.sweep.row import RankedRow, Standing
from framework.soak.sweep.table import Sweep, as_word, label_of

NARROW_KNOB = "params.base_spread_bps_delta"


def next_step(sweep: Sweep, *, folder: str, root: Path) -> str | None:
    """Say what to do now; None where nothing was played to its end."""
    if sweep.leader is None or not sweep.complete:
        return None
    row, best = sweep.leader
    if best.is_present:
        return None
    if best.proven:
        again = shlex.join(["quoteops", "soak", "-m", *sweep.words])
        return propose_or_compare(_fixed(sweep, row), folder, root=root, again=again)
    if best.answer == Answer.INCONCLUSIVE.value:
        return _longer(sweep, row, best, root)
    coarse = narrow_knob(best.tick_bps or 0.0).removeprefix("; ") if NARROW_KNOB in row.values else ""
    if coarse and best.answer == Answer.NO_EFFECT.value:
        return f"{coarse}; {_wider(sweep, row, best, root)}"
    return _halfway(sweep, row, root) or "what runs is no worse than any cell: keep it"


def _fixed(sweep: Sweep, row: RankedRow) -> list[str]:
    """Return the words of the leader as a run of its own: what the cells share, then its values."""
    shared = [word for word in sweep.words if word.partition("=")[0] not in row.values]
    return [*shared, *(label_of({key: value}) for key, value in row.values.items())]


def _longer(sweep: Sweep, row: RankedRow, best: Standing, root: Path) -> str | None:
    """Say how to see as much tape as would tell: a recording has no more than it has."""
    if best.hours_needed is None:
        return _halfway(sweep, row, root)
    hours = math.ceil(best.hours_needed)
    if hours > MOST_HOURS:
        return f"about {hours:,} h of such tape would tell, more than anybody waits for: try larger changes"
    words = [word for word in _fixed(sweep, row) if not word.startswith("soak.hours=")]
    settings = _present(sweep, row, root)
    text = f"the leader alone on about {hours_words(best.hours_needed)} of tape"
    if settings is None or settings.market.kind == "synthetic":
        return f"{text}; try: {shlex.join(['quoteops', 'soak', *words, f'soak.hours={hours}'])}"
    if settings.soak.hours != "tape":
        whole = shlex.join(["quoteops", "soak", *words, "soak.hours=tape"])
        return f"{text}, or all there is of this one; try: {whole}"
    return f"{text}, and there is no more of this one: {IMPORT_MORE}"


def _halfway(sweep: Sweep, row: RankedRow, root: Path) -> str | None:
    """Say which value lies between the leader's and the present's, where one number was varied."""
    if len(row.values) != 1:
        return None
    ((key, value),) = row.values.items()
    now = _value(_present(sweep, row, root), key)
    numbers = [one for one in (now, value) if isinstance(one, (int, float)) and not isinstance(one, bool)]
    if len(numbers) < 2 or now == value:
        return None
    between: float = (numbers[0] + numbers[1]) / 2.0
    if isinstance(value, int) and isinstance(now, int):
        between = round(between)
    if between in numbers:
        return None
    words = [word for word in sweep.words if word.partition("=")[0] != key]
    command = shlex.join(["quoteops", "soak", *words, f"{key}={between:.6g}"])
    return f"halfway between what runs ({as_word(now)}) and the leader; try: {command}"


def _wider(sweep: Sweep, row: RankedRow, best: Standing, root: Path) -> str:
    """Give the sweep over half-spreads that a coarse market answers to: half a tick and a whole one more."""
    now = _value(_present(sweep, row, root), SPREAD)
    tick, words = best.tick_bps or 0.0, [w for w in sweep.words if not w.startswith(f"{NARROW_KNOB}=")]
    start = now if isinstance(now, (int, float)) else 0.0
    values = f"{SPREAD}={start + tick / 2.0:.3g},{start + tick:.3g}"
    return f"try: {shlex.join(['quoteops', 'soak', '-m', *words, values])}"


def _present(sweep: Sweep, row: RankedRow, root: Path) -> RunSettings | None:
    """Compose what runs beside the leader; None where it does not compose any more."""
    words = present_words([word for word in _fixed(sweep, row) if is_world(word)])
    try:
        return compose_run(words=words, root=root, environ=present_environ()).settings
    except QuoteopsError:
        return None


def _value(settings: RunSettings | None, key: str) -> Any:
    here: Any = None if settings is None else settings.model_dump(mode="json")
    for name in key.split("."):
        here = here.get(name) if isinstance(here, Mapping) else None
    return here
