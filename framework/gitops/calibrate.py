"""How often the paired gate promotes what it should not, and how much tape it needs for what it should.

Real differences between configurations are heavy-tailed, skewed and mostly zero, so the gate is measured on
them and not on a textbook distribution: the block differences of many parameter changes are shifted to a mean
of zero (or to exactly minus the margin), drawn again in runs of neighbouring blocks (moving-block bootstrap;
Künsch, 1989) into long tapes, and the gate looks after every block. Nothing here draws but from the seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.gates.paired import (
    EvidenceRules,
    Floats,
    PairedSample,
    p_values,
    running_moments,
)
from framework.gitops.arms import ArmBlocks, Cut

Ints = np.ndarray[Any, np.dtype[np.int64]]

BPS = 1e4
EFFECTS_BPS = (0.1, 0.3, 1.0)
OF_GROSS = 0.10
HOURS = (1.0, 3.0, 9.0, 34.0, 100.0)
CHUNK = 250
"""Drawn tapes held in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Both arms' blocks over one tape, fine enough that ``group`` of them make one block of the gate."""

    base_net: Floats
    candidate_net: Floats
    turnover: Floats
    gross: Floats


@dataclass(frozen=True, kw_only=True)
class TapeClass:
    """A kind of market: what its blocks are, the tapes in it, and the differences measured on them.

    ``group`` fine blocks make one; ``run`` blocks of the gate are drawn together. ``changes`` holds one
    stretch a tape for each parameter change, ``seeds`` for each pair of latency seeds.
    """

    name: str
    tapes: tuple[str, ...]
    cut: Cut
    group: int
    run: int
    hours: float
    longest_h: float
    changes: Mapping[str, tuple[Stretch, ...]]
    seeds: Mapping[str, tuple[Stretch, ...]]

    @property
    def block_hours(self) -> float:
        """Return the length of one block of the gate."""
        return self.cut.block_s * self.group / 3600.0

    @property
    def quoted_bps(self) -> float:
        """Return the baseline's quoted edge."""
        stretches = next(iter(self.changes.values()))
        gross, turnover = (sum(float(getattr(s, n).sum()) for s in stretches) for n in ("gross", "turnover"))
        return BPS * gross / turnover


def stretch(*, base: ArmBlocks, candidate: ArmBlocks) -> Stretch:
    """Pair two arms of one tape."""
    return Stretch(
        base_net=base.sums["net"],
        candidate_net=candidate.sums["net"],
        turnover=base.sums["turnover"],
        gross=base.sums["gross"],
    )


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Shares of drawn tapes on which something was promoted, one entry a difference."""

    looked: Floats
    ended: Floats
    t_test: Floats
    t_test_looked: Floats


@dataclass(frozen=True, kw_only=True)
class Design:
    """How much is drawn, and from which seed."""

    draws: int = 1_000
    seed: int = 20
    t_alpha: float = 0.01
    t_from: int = 20


def false_promotions(
    *,
    tapes: TapeClass,
    rules: EvidenceRules,
    design: Design,
    margin_bps: float | None,
    own_blocks: bool = False,
) -> tuple[list[str], Rates]:
    """Measure how often a change of no merit is promoted, per change.

    Without a margin: a change whose mean difference is exactly 0 is called better. With one: a change that
    loses exactly the margin is called not worse; it loses the same in every block, or (``own_blocks``) only
    where it differs, in proportion.
    """
    names = [name for name, parts in tapes.changes.items() if _differ(parts)]
    rows = []
    for k, name in enumerate(names):
        pool = _Pool(tapes, tapes.changes[name], loss_bps=margin_bps or 0.0, own_blocks=own_blocks)
        rows.append(_rates(pool.tapes(design, stream=k), rules, design, margin_bps=margin_bps or 0.0))
    return names, _stack(rows)


def seed_promotions(*, tapes: TapeClass, rules: EvidenceRules, design: Design) -> tuple[list[str], Rates]:
    """Measure how often one of two runs that differ by the seed of their delays alone is called better.

    Which of the two is the candidate is drawn anew for every run of blocks: neither has a merit.
    """
    names = [name for name, parts in tapes.seeds.items() if _differ(parts)]
    rows = []
    for k, name in enumerate(names):
        pool = _Pool(tapes, tapes.seeds[name], centred=False)
        drawn = pool.tapes(design, stream=1_000 + k, swapped=True)
        rows.append(_rates(drawn, rules, design, margin_bps=0.0))
    return names, _stack(rows)


def power(
    *, tapes: TapeClass, rules: EvidenceRules, design: Design, effect_bps: float, hours: Sequence[float]
) -> Floats:
    """Return the chance to call a true gain of ``effect_bps`` better within so many hours, one row a change.

    The chance to call an equal candidate not worse at a margin of that size is the same.
    """
    longest = max(1, round(max(hours) / tapes.block_hours))
    rows = []
    for k, parts in enumerate(p for p in tapes.changes.values() if _differ(p)):
        reached = []
        for difference, turnover, base in _Pool(tapes, parts).tapes(design, stream=k, blocks=longest):
            gained = difference + effect_bps / BPS * turnover
            first = _first(_looks(gained, gained, base, rules), rules.alpha)
            reached.append([first * tapes.block_hours <= h + 1e-9 for h in hours])
        rows.append(np.concatenate(reached, axis=1).mean(axis=1))
    return np.array(rows).reshape(-1, len(hours))


def _differ(parts: Sequence[Stretch]) -> bool:
    return any(np.any(part.base_net != part.candidate_net) for part in parts)


class _Pool:
    """All runs of neighbouring blocks of a class; every one is as likely as any other."""

    def __init__(
        self,
        tapes: TapeClass,
        parts: Sequence[Stretch],
        *,
        centred: bool = True,
        loss_bps: float = 0.0,
        own_blocks: bool = False,
    ) -> None:
        self.run, self.group = tapes.run, tapes.group
        self.longest = max(1, round(tapes.longest_h / tapes.block_hours))
        size = self.run * self.group
        columns = []
        starts: list[Ints] = []
        at = 0
        for part in parts:
            n = len(part.turnover)
            # A tape shorter than a run is drawn round its end, so that none is left out.
            held = [part.candidate_net - part.base_net, part.turnover, part.base_net]
            columns.append([np.concatenate((x, np.resize(x, size - 1))) for x in held])
            starts.append(at + np.arange(n))
            at += n + size - 1
        self.starts = np.concatenate(starts)
        self.difference, self.turnover, self.base = (
            np.concatenate([c[k] for c in columns]) for k in range(3)
        )
        if not centred:
            return
        # Over all runs every block counts alike, so these are the means of what is drawn.
        surplus = float(self.difference[self.starts].mean())
        surplus += loss_bps / BPS * float(self.turnover[self.starts].mean())
        size_of = np.abs(self.difference) if own_blocks else np.ones(len(self.difference))
        self.difference = self.difference - surplus * size_of / size_of[self.starts].mean()

    def tapes(
        self, design: Design, *, stream: int, swapped: bool = False, blocks: int | None = None
    ) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Yield drawn tapes in chunks: the difference, turnover and the baseline's net of every block.

        ``swapped`` draws for every run which of the two arms is the candidate.
        """
        count = blocks or self.longest
        rng = np.random.Generator(np.random.PCG64([design.seed, stream]))
        for done in range(0, design.draws, CHUNK):
            rows = min(CHUNK, design.draws - done)
            difference, turnover, base = self._draw(rng, rows, count)
            if swapped:
                sign = rng.choice((-1.0, 1.0), size=(rows, -(-count // self.run)))
                difference = difference * np.repeat(sign, self.run, axis=1)[:, :count]
            yield difference, turnover, base

    def _draw(self, rng: np.random.Generator, rows: int, count: int) -> tuple[Floats, Floats, Floats]:
        size = self.run * self.group
        runs = -(-count // self.run)
        first = rng.choice(self.starts, size=(rows, runs))
        index = (first[:, :, None] + np.arange(size)).reshape(rows, runs * size)
        wanted = (self.difference, self.turnover, self.base)
        shaped = (x[index].reshape(rows, runs * self.run, self.group).sum(axis=2)[:, :count] for x in wanted)
        difference, turnover, base = shaped
        return difference, turnover, base


def _rates(
    drawn: Iterable[tuple[Floats, Floats, Floats]],
    rules: EvidenceRules,
    design: Design,
    *,
    margin_bps: float,
) -> tuple[float, float, float, float]:
    found = []
    for difference, turnover, base in drawn:
        values, evidence = difference + margin_bps / BPS * turnover, difference
        p = _looks(values, evidence, base, rules)
        t = _t_test(values, alpha=design.t_alpha)
        found.append(
            np.stack(
                (
                    (p <= rules.alpha).any(axis=1),
                    p[:, -1] <= rules.alpha,
                    t[:, -1],
                    t[:, design.t_from - 1 :].any(axis=1),
                )
            )
        )
    looked, ended, t_test, t_looked = np.concatenate(found, axis=1).mean(axis=1)
    return float(looked), float(ended), float(t_test), float(t_looked)


def _stack(rows: Sequence[tuple[float, float, float, float]]) -> Rates:
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Rates(looked=table[:, 0], ended=table[:, 1], t_test=table[:, 2], t_test_looked=table[:, 3])


def _looks(values: Floats, evidence: Floats, base: Floats, rules: EvidenceRules) -> Floats:
    """Return the gate's p-value of "mean > 0" after every block."""
    sample = PairedSample(values=values, differences=evidence, baseline=base)
    above, _ = p_values(running_moments(sample=sample, rules=rules), rho=rules.rho)
    result: Floats = above
    return result


def _first(p: Floats, alpha: float) -> Ints:
    """Return after how many blocks alpha is first reached; far beyond any number where it never is."""
    hit = p <= alpha
    first: Ints = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, np.iinfo(np.int64).max // 2)
    return first


def _t_test(values: Floats, *, alpha: float) -> Any:
    """Return where a plain one-sided t-test of the first n blocks would reject; for contrast."""
    from framework.edge.intervals import t_quantile

    n = np.arange(1, values.shape[1] + 1, dtype=np.float64)
    mean = np.cumsum(values, axis=1) / n
    squares = np.maximum(np.cumsum(values * values, axis=1) - n * mean * mean, 0.0)
    error = np.sqrt(squares / np.maximum(n - 1.0, 1.0) / n)
    # The quantile settles quickly: a few degrees of freedom stand for their neighbours.
    known = np.unique(np.geomspace(1, values.shape[1], 40).astype(int))
    critical = np.interp(n, known + 1, [t_quantile(p=1.0 - alpha, df=float(k)) for k in known])
    return (mean > critical * error) & (n > 1.0)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One class to measure, by which rules, and the margin of net."""

    tapes: TapeClass
    rules: EvidenceRules
    design: Design
    margin_bps: float
    power_draws: int = 100


def measure(question: Question) -> dict[str, Any]:
    """Return what the gate does on one class of tapes, as plain data."""
    tapes, rules, design = question.tapes, question.rules, question.design
    names, zero = false_promotions(tapes=tapes, rules=rules, design=design, margin_bps=None)
    _, margin = false_promotions(tapes=tapes, rules=rules, design=design, margin_bps=question.margin_bps)
    _, own = false_promotions(
        tapes=tapes, rules=rules, design=design, margin_bps=question.margin_bps, own_blocks=True
    )
    seeds, same = seed_promotions(tapes=tapes, rules=rules, design=design)
    quoted = tapes.quoted_bps
    few = Design(draws=question.power_draws, seed=design.seed + 1)
    effects = {f"{e:g} bps": e for e in EFFECTS_BPS} | {
        f"{OF_GROSS:.0%} of the quoted edge": OF_GROSS * quoted
    }
    return {
        "name": tapes.name,
        "tapes": list(tapes.tapes),
        "hours": tapes.hours,
        "block_s": tapes.cut.block_s * tapes.group,
        "horizon": tapes.cut.horizon,
        "drawn_hours": tapes.longest_h,
        "run_blocks": tapes.run,
        "quoted_bps": quoted,
        "margin_bps": question.margin_bps,
        "changes": names,
        "no_effect": [name for name in tapes.changes if name not in names],
        "rates": {
            "seeds": _rate(same.looked, seeds),
            "zero": _rate(zero.looked, names),
            "margin": _rate(margin.looked, names),
            "in its own blocks": _rate(own.looked, names),
            "zero, one look": _rate(zero.ended, names),
            "t-test, one look": _rate(zero.t_test, names),
            "t-test, every look": _rate(zero.t_test_looked, names),
        },
        "power": {
            label: [float(share) for share in
                    power(tapes=tapes, rules=rules, design=few, effect_bps=size, hours=HOURS).mean(axis=0)]
            for label, size in effects.items()
        },
    }  # fmt: skip


def _rate(rates: Floats, names: Sequence[str]) -> dict[str, Any]:
    """Return mean and worst of the rates; None where nothing was measured: no evidence is no pass."""
    if not len(rates):
        return {"mean": None, "worst": None, "worst_name": None, "count": 0}
    at = int(np.argmax(rates))
    return {
        "mean": float(rates.mean()), "worst": float(rates[at]), "worst_name": names[at], "count": len(rates)
    }  # fmt: skip


def target_met(measured: Sequence[Mapping[str, Any]], *, target: float) -> bool:
    """Tell whether every class promotes falsely at most ``target`` on average, in all three ways."""
    rates = [row["rates"][kind]["mean"] for row in measured for kind in ("seeds", "zero", "margin")]
    return bool(rates) and all(rate is not None and rate <= target for rate in rates)
