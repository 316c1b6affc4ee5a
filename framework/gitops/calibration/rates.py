"""How often the paired gate promotes what it should not, and how much tape it needs for what it should.

Real differences between configurations are heavy-tailed, skewed and mostly zero, so the gate is measured on
them and not on a textbook distribution: the block differences of many parameter changes are shifted to a mean
of zero (or to exactly minus the margin), drawn again into long tapes, and the gate looks after every block.
Here net alone is judged; ``guard_metrics`` has the metrics that guard it and the whole gate. Nothing here
draws but from the seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.gates.paired import EvidenceRules, Floats, PairedSample, p_values, running_moments
from framework.gates.paired_metrics import Pair, paired_sample
from framework.gitops.calibration.report import NetRates, rate_of
from framework.gitops.calibration.resample import (
    Arms,
    Design,
    Draw,
    Ints,
    Stretch,
    TapeClass,
    at_margin,
    gather,
    joined,
)

EFFECTS_BPS = (0.1, 0.3, 1.0)
OF_GROSS = 0.10
HOURS = (1.0, 3.0, 9.0, 34.0, 100.0)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Shares of drawn tapes on which something was promoted, one entry a difference."""

    looked: Floats
    ended: Floats
    t_test: Floats
    t_test_looked: Floats


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
    rows = []
    margin = margin_bps or 0.0
    for k, parts in enumerate(tapes.live.values()):
        base, candidate = joined(parts)
        moved = at_margin(Pair("net", base, candidate, margin), own_blocks=own_blocks)
        drawn = _drawn(tapes, parts, (base, moved), design, stream=k)
        rows.append(_rates(drawn, rules, design, margin_bps=margin))
    return list(tapes.live), _stack(rows)


def seed_promotions(*, tapes: TapeClass, rules: EvidenceRules, design: Design) -> tuple[list[str], Rates]:
    """Measure how often one of two runs that differ by the seed of their delays alone is called better.

    Which of the two is the candidate is drawn anew for every run of blocks: neither has a merit.
    """
    pairs = {name: parts for name, parts in tapes.seeds.items() if any(p.differs for p in parts)}
    rows = []
    for k, parts in enumerate(pairs.values()):
        drawn = _drawn(tapes, parts, joined(parts), design, stream=1_000 + k, swapped=True)
        rows.append(_rates(drawn, rules, design, margin_bps=0.0))
    return list(pairs), _stack(rows)


def power(
    *, tapes: TapeClass, rules: EvidenceRules, design: Design, effect_bps: float, hours: Sequence[float]
) -> Floats:
    """Return the chance to call a true gain of ``effect_bps`` better within so many hours, one row a change.

    The chance to call an equal candidate not worse at a margin of that size is the same.
    """
    longest = max(1, round(max(hours) / tapes.block_hours))
    rows = []
    for k, parts in enumerate(tapes.live.values()):
        base, candidate = joined(parts)
        gaining = at_margin(Pair("net", base, candidate, -effect_bps))
        reached = []
        for drawn in _drawn(tapes, parts, (base, gaining), design, stream=k, blocks=longest):
            first = _first(_looks(_sample(drawn, 0.0), rules), rules.alpha)
            reached.append(within(first, tapes=tapes, hours=hours))
        rows.append(np.concatenate(reached, axis=1).mean(axis=1))
    return np.array(rows).reshape(-1, len(hours))


def within(first: Ints, *, tapes: TapeClass, hours: Sequence[float]) -> Any:
    """Tell which tapes were decided after so many hours, one row an hour."""
    return np.array([first * tapes.block_hours <= h + 1e-9 for h in hours])


def _drawn(
    tapes: TapeClass,
    parts: Sequence[Stretch],
    arms: Arms,
    design: Design,
    *,
    stream: int,
    swapped: bool = False,
    blocks: int | None = None,
) -> Iterator[Arms]:
    """Yield drawn tapes in chunks: both arms' net, and the baseline's turnover, of every block."""
    wanted = ({name: arms[0][name] for name in ("net", "turnover")}, {"net": arms[1]["net"]})
    draws = Draw(tapes, parts).indices(
        seed=design.seed, stream=stream, draws=design.draws, blocks=blocks or tapes.longest
    )
    for index, coin in draws:
        base, candidate = (gather(arm, index) for arm in wanted)
        if swapped:
            b, c = base["net"], candidate["net"]
            base = {**base, "net": np.where(coin > 0.0, b, c)}
            candidate = {"net": np.where(coin > 0.0, c, b)}
        yield base, candidate


def _sample(drawn: Arms, margin_bps: float) -> PairedSample:
    return paired_sample(Pair("net", *drawn, margin_bps))


def _rates(
    drawn: Iterable[Arms], rules: EvidenceRules, design: Design, *, margin_bps: float
) -> tuple[float, float, float, float]:
    hits = []
    for arms in drawn:
        sample = _sample(arms, margin_bps)
        p = _looks(sample, rules)
        t = _t_test(sample.values, alpha=design.t_alpha)
        hits.append(
            np.stack(
                (
                    (p <= rules.alpha).any(axis=1),
                    p[:, -1] <= rules.alpha,
                    t[:, -1],
                    t[:, design.t_from - 1 :].any(axis=1),
                )
            )
        )
    looked, ended, t_test, t_looked = np.concatenate(hits, axis=1).mean(axis=1)
    return float(looked), float(ended), float(t_test), float(t_looked)


def _stack(rows: Sequence[tuple[float, float, float, float]]) -> Rates:
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Rates(looked=table[:, 0], ended=table[:, 1], t_test=table[:, 2], t_test_looked=table[:, 3])


def _looks(sample: PairedSample, rules: EvidenceRules) -> Floats:
    """Return the gate's p-value of "mean > 0" after every block."""
    above, _ = p_values(running_moments(sample=sample, rules=rules), rho=rules.rho)
    result: Floats = above
    return result


def _first(p: Floats, alpha: float) -> Ints:
    return first_of(p <= alpha)


def first_of(hit: Any) -> Ints:
    """Return after how many blocks a row is first true; far beyond any number where it never is."""
    first: Ints = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, np.iinfo(np.int64).max // 2)
    return first


def _t_test(values: Floats, *, alpha: float) -> Any:
    """Return where a plain one-sided t-test of the first n blocks would reject; for contrast."""
    from framework.edge.quantiles import t_quantile

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
    """One class to measure, by which rules, and the margin of every metric (net in bps)."""

    tapes: TapeClass
    rules: EvidenceRules
    design: Design
    margins: Mapping[str, float]
    power_draws: int = 100


def measure_net(question: Question) -> NetRates:
    """Return what the gate does with net on one class of tapes."""
    tapes, rules, design = question.tapes, question.rules, question.design
    bps = question.margins["net"]
    names, zero = false_promotions(tapes=tapes, rules=rules, design=design, margin_bps=None)
    _, margin = false_promotions(tapes=tapes, rules=rules, design=design, margin_bps=bps)
    _, own = false_promotions(tapes=tapes, rules=rules, design=design, margin_bps=bps, own_blocks=True)
    seeds, same = seed_promotions(tapes=tapes, rules=rules, design=design)
    return NetRates(
        name=tapes.name,
        tapes=tapes.tapes,
        hours=tapes.hours,
        block_s=tapes.cut.block_s,
        horizon=tapes.cut.horizon,
        drawn_hours=tapes.longest_h,
        run_blocks=tapes.run,
        quoted_bps=tapes.quoted_bps,
        margin_bps=bps,
        hours_asked=HOURS,
        changes=tuple(names),
        no_effect=tuple(name for name in tapes.changes if name not in names),
        rates={
            "seeds": rate_of(same.looked, seeds),
            "zero": rate_of(zero.looked, names),
            "margin": rate_of(margin.looked, names),
            "in its own blocks": rate_of(own.looked, names),
            "zero, one look": rate_of(zero.ended, names),
            "t-test, one look": rate_of(zero.t_test, names),
            "t-test, every look": rate_of(zero.t_test_looked, names),
        },
        power=_power(question),
    )


def _power(question: Question) -> dict[str, tuple[float, ...]]:
    """Return by true gain the chance to be promoted within each of HOURS, on average over the changes."""
    tapes, rules = question.tapes, question.rules
    few = Design(draws=question.power_draws, seed=question.design.seed + 1)
    effects = {f"{e:g} bps": e for e in EFFECTS_BPS}
    effects[f"{OF_GROSS:.0%} of the quoted edge"] = OF_GROSS * tapes.quoted_bps
    powers = {
        label: power(tapes=tapes, rules=rules, design=few, effect_bps=size, hours=HOURS)
        for label, size in effects.items()
    }
    return {label: tuple(float(s) for s in shares.mean(axis=0)) for label, shares in powers.items()}
