"""A soak beside the present configuration: the same tape once more, without what is tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework.edge.canonical import canonical
from framework.edge.measures import block_seconds
from framework.edge.window import WindowData
from framework.errors import QuoteopsError
from framework.gates.comparison import Comparison, compare_runs
from framework.gates.paired import Floats
from framework.session.blocks import Cut, block_sums
from framework.session.play import play
from framework.session.portfolio import make_replay
from framework.session.present import present_of, same_trading
from framework.settings.compose import Composed
from framework.soak.result import SoakResult

COMPARED = ("turnover", "net", "fills")
HORIZON = "30s"
Blocks = dict[str, Floats]
"""Turnover, markout net after 30 s and fills, block by block, of all symbols together."""


def cut_for(windows: Sequence[WindowData]) -> Cut:
    """Return how runs of these windows are cut: a minute where the market is liquid, else ten."""
    return Cut(block_s=block_seconds(windows), horizon=HORIZON)


def blocks_of(windows: Sequence[WindowData]) -> Blocks:
    """Return what a run did, block by block; symbols that trade beside each other are added up."""
    cut = cut_for(windows)
    parts = [block_sums(window=window, cut=cut) for window in windows]
    return {name: sum((part[name] for part in parts[1:]), start=parts[0][name]) for name in COMPARED}


def compare_with_present(result: SoakResult, composed: Composed) -> None:
    """Play the present configuration on the run's tape and compare, unless the run is just that."""
    try:
        present = present_of(composed)
    except QuoteopsError as error:
        result.present = f"cannot be composed: {error}"
        return
    result.present = present.named
    moved = set(result.packages) != {result.packages[0]}
    result.is_present = same_trading(present.settings, result.settings) and not (moved or result.reloads)
    if result.is_present:
        return
    replay = make_replay(settings=present.settings, market=result.market)
    for _ in play(replay):
        pass
    windows = result.wholes
    result.comparison = compare_runs(
        present=blocks_of(replay.wholes()), run=blocks_of(windows), block_s=cut_for(windows).block_s
    )


def comparison_of(result: SoakResult) -> dict[str, Any]:
    """Return what gates_summary.json holds of the comparison."""
    comparison: Comparison | None = canonical(result.comparison)
    return {
        "present": result.present,
        "is_present": result.is_present,
        "quote": result.reported.quote,
        **({} if comparison is None else as_plain(comparison)),
    }


def as_plain(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as files hold it."""
    return {**vars(comparison), "answer": comparison.answer.value}
