"""Tapes drawn from measured ones: the blocks of two arms, in runs of neighbours, as many hours as are asked.

A moving-block bootstrap (Künsch, 1989) that goes round each tape's end, so that every block is as likely as
any other. One drawn index serves all columns of both arms: what happened together stays together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.gates.paired import Floats
from framework.gates.paired_metrics import Kind, Pair, Sums, allowed_ratio, paired_sample
from framework.gitops.gate.arms import ArmBlocks
from framework.session.blocks import Cut

Ints = np.ndarray[Any, np.dtype[np.int64]]
Arms = tuple[Sums, Sums]
"""The baseline's and the candidate's columns."""

BPS = 1e4
CHUNK = 100
"""Drawn tapes held in memory at a time."""
COLUMNS = (
    "turnover", "net", "gross", "adverse", "requests", "fills", "quoted_s", "off_target", "position_sq",
    "drawdown",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Both arms' blocks over one tape."""

    base: Sums
    candidate: Sums

    @property
    def differs(self) -> bool:
        """Tell whether net differs in any block."""
        return bool(np.any(self.base["net"] != self.candidate["net"]))


def stretch(*, base: ArmBlocks, candidate: ArmBlocks) -> Stretch:
    """Pair two arms of one tape."""
    return Stretch(base=base.sums, candidate=candidate.sums)


@dataclass(frozen=True, kw_only=True)
class TapeClass:
    """A kind of market: what its blocks are, the tapes in it, and the differences measured on them.

    ``run`` blocks are drawn together. ``changes`` holds one stretch a tape for each parameter change,
    ``seeds`` for each pair of latency seeds.
    """

    name: str
    tapes: tuple[str, ...]
    cut: Cut
    run: int
    hours: float
    longest_h: float
    changes: Mapping[str, tuple[Stretch, ...]]
    seeds: Mapping[str, tuple[Stretch, ...]]

    @property
    def block_hours(self) -> float:
        """Return the length of one block."""
        return self.cut.block_s / 3600.0

    @property
    def longest(self) -> int:
        """Return how many blocks a drawn tape has."""
        return max(1, round(self.longest_h / self.block_hours))

    @property
    def base(self) -> Sums:
        """Return the baseline's blocks of all tapes."""
        return joined(next(iter(self.changes.values())))[0]

    @property
    def quoted_bps(self) -> float:
        """Return the baseline's quoted edge."""
        return BPS * float(self.base["gross"].sum()) / float(self.base["turnover"].sum())

    @property
    def live(self) -> dict[str, tuple[Stretch, ...]]:
        """Return the changes that do anything here."""
        return {name: parts for name, parts in self.changes.items() if any(p.differs for p in parts)}


def joined(parts: Sequence[Stretch]) -> Arms:
    """Return the columns of both arms, one tape after the other."""
    return (
        {name: np.concatenate([part.base[name] for part in parts]) for name in COLUMNS},
        {name: np.concatenate([part.candidate[name] for part in parts]) for name in COLUMNS},
    )


@dataclass(frozen=True, kw_only=True)
class Design:
    """How much is drawn, and from which seed; ``guard_draws`` where every metric is looked at."""

    draws: int = 1_000
    guard_draws: int = 150
    seed: int = 20
    t_alpha: float = 0.01
    t_from: int = 20


class Draw:
    """Drawn tapes as block numbers into the joined columns of a class."""

    def __init__(self, tapes: TapeClass, parts: Sequence[Stretch]) -> None:
        self.run = tapes.run
        each = tapes.cut.block_s // tapes.cut.every_s
        ahead = np.arange(self.run) * each
        runs: list[Ints] = []
        at = 0
        for part in parts:
            n = len(part.base["turnover"])
            runs.append(at + (np.arange(n)[:, None] + ahead) % n)
            at += n
        self.runs = np.concatenate(runs)

    def indices(self, *, seed: int, stream: int, draws: int, blocks: int) -> Iterator[tuple[Ints, Floats]]:
        """Yield drawn tapes in chunks, one a row: block numbers, and each block's coin (1 or -1)."""
        rng = np.random.Generator(np.random.PCG64([seed, stream]))
        count = -(-blocks // self.run)
        for done in range(0, draws, CHUNK):
            rows = min(CHUNK, draws - done)
            first = rng.choice(len(self.runs), size=(rows, count))
            coin = rng.choice((-1.0, 1.0), size=(rows, count))
            index = self.runs[first].reshape(rows, count * self.run)[:, :blocks]
            yield index, np.repeat(coin, self.run, axis=1)[:, :blocks]


def at_margin(pair: Pair, *, own_blocks: bool = False) -> Sums:
    """Return the candidate moved to be worse by exactly the margin in one metric, on average over all blocks.

    It is moved by the same in every block (of a ratio: by unit of its denominator), or with ``own_blocks``
    only where the arms differ, in proportion.
    """
    spec, candidate = pair.spec, pair.candidate
    sample = paired_sample(pair)
    surplus = float(sample.values.mean())
    column = candidate[spec.column]
    where = np.ones(len(column))
    if spec.kind is Kind.RATIO:
        assert spec.per is not None
        per = candidate[spec.per]
        surplus *= float(per.mean()) / spec.scale
        where = per / per.mean()
    if own_blocks:
        where = np.abs(sample.differences) / np.abs(sample.differences).mean()
    sign = -1.0 if spec.kind in (Kind.NET, Kind.FLOOR) else 1.0
    return {**candidate, spec.column: column + sign * surplus * where}


def gather(arm: Sums, index: Ints) -> Sums:
    """Return an arm's columns at drawn block numbers."""
    return {name: column[index] for name, column in arm.items()}


def running_ratio_mean(pair: Pair) -> Floats:
    """Return the mean of x after each block of a metric that is a ratio: of the ratios of the sums so far."""
    spec = pair.spec
    assert spec.per is not None
    grown, more = allowed_ratio(metric=pair.metric, margin=pair.margin)
    with np.errstate(divide="ignore", invalid="ignore"):
        before, after = (
            spec.scale * np.cumsum(arm[spec.column], axis=-1) / np.cumsum(arm[spec.per], axis=-1)
            for arm in (pair.base, pair.candidate)
        )
        mean: Floats = grown * before + more - after
    return mean
