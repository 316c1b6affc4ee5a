"""A run beside an earlier one: the worlds, the settings, the figures, and on one tape what is proven."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framework.gates.comparison import Comparison, compare_runs
from framework.gates.paired import Floats
from framework.settings.documents import leaves
from framework.soak.record import RunRecord

FIGURES = (
    ("net_bps", "net, bps"), ("markout_net_30s_bps", "30-s markout net, bps"),
    ("gross_bps", "quoted edge, bps"), ("net_quote", "result"),
    ("max_drawdown_quote", "worst drawdown"), ("fills", "fills"),
    ("turnover_quote", "turnover"), ("break_even_maker_fee_bps", "break-even maker fee, bps"),
)  # fmt: skip
SAME = ("tape_digest", "maker_fee_bps", "seed", "clock", "version")
"""What both runs must have in common for their figures to be of one world."""
Z90 = 1.645


@dataclass(frozen=True)
class Kept:
    """Sums by blocks of ``block_s``, and the result over time at even instants from the start to the end."""

    block_s: int
    blocks: dict[str, Floats]
    start_ns: int
    end_ns: int
    curve: Floats


@dataclass(frozen=True)
class EarlierRun:
    """What run.json of an earlier run says, and what it kept."""

    run: RunRecord
    kept: Kept | None = None


@dataclass(frozen=True)
class Figure:
    """A figure of both runs, their difference and its 90 % interval as if the runs were independent."""

    word: str
    before: float | None
    now: float | None
    bounds: tuple[float, float] | None

    @property
    def difference(self) -> float | None:
        """Return how much more it is now."""
        return None if self.before is None or self.now is None else self.now - self.before


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A run beside an earlier one; ``comparison`` is paired, block by block, on one tape in one world."""

    name: str
    verdicts: tuple[str, str]
    apart: tuple[str, ...]
    changed: tuple[tuple[str, Any, Any], ...]
    figures: tuple[Figure, ...]
    quote: str
    comparison: Comparison | None
    kept: tuple[Kept, Kept] | None
    """What the earlier run and this one kept, where both are of the same hours."""


def beside(here: RunRecord, *, kept: Kept | None, earlier: EarlierRun) -> Beside:
    """Put a run beside an earlier one."""
    there, one = earlier.run, earlier.kept
    apart = tuple(name for name in SAME if here.runtime.get(name) != there.runtime.get(name))
    pair = None
    if one is not None and kept is not None and (one.start_ns, one.end_ns) == (kept.start_ns, kept.end_ns):
        pair = (one, kept)
    return Beside(
        name=there.name,
        verdicts=(there.verdict, here.verdict),
        apart=apart,
        changed=_changed(there.settings, here.settings),
        figures=tuple(_figure(name, word, there.headline, here.headline) for name, word in FIGURES),
        quote=str(here.headline.get("quote", "quote")),
        comparison=None if apart or pair is None else _paired(*pair),
        kept=pair,
    )


def _figure(name: str, word: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> Figure:
    before, now = there.get(name), here.get(name)
    errors = [told.get("errors", {}).get(name) for told in (there, here)]
    if before is None or now is None or None in errors:
        return Figure(word, before, now, None)
    half = Z90 * math.hypot(*errors)
    return Figure(word, before, now, (now - before - half, now - before + half))


def _paired(one: Kept, kept: Kept) -> Comparison | None:
    if one.block_s != kept.block_s or len(one.blocks["net"]) != len(kept.blocks["net"]):
        return None
    return compare_runs(present=one.blocks, run=kept.blocks, block_s=kept.block_s)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[tuple[str, Any, Any], ...]:
    """Say which settings differ, but for those that name no behaviour."""
    one, other = (dict(leaves(dict(given))) for given in (before, now))
    names = sorted({*one, *other})
    return tuple(
        (".".join(name), one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)
    )
