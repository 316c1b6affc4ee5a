"""How often a soak or a sweep says BETTER or WORSE of what is neither, and how much tape an effect needs.

The rules of ``framework.gates.comparison`` are run over windows of real differences: whole stretches of
many tapes of one market, so that what lasts from block to block stays, or of few recordings blocks drawn
again. A change without merit is a real one whose mean difference over all its tapes is taken out, evenly or
in the blocks where it does anything, in proportion; or the same configuration under other delays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.edge.measures import LIQUID_BLOCK_S
from framework.edge.quantiles import beta_quantile
from framework.gates.comparison import ALPHA, RULES, TURNOVER_FLOOR, answer_p_values, extremes
from framework.gates.paired import EvidenceRules, Floats, Moments, PairedSample, running_moments
from framework.gates.paired_metrics import Pair, Sums
from framework.gitops.calibration.resample import BPS, Draw, Ints, Stretch, TapeClass, at_margin, joined
from framework.soak.sweep.ranking import level_for

HOURS = {"liquid": (1.0, 3.0, 8.0), "thin": (8.0, 24.0, 48.0)}
"""How long a soak is: by the kind of market."""
EFFECTS_BPS = (0.5, 1.0, 2.0)
CELLS = (8, 20, 50)
SETS = 100
"""Sets of cells that are taken out of all changes, each a sweep."""
DRAWN = 200
"""Windows that are drawn where tapes are too short to be cut."""
BOUND = 0.95
LOOKS = 12
"""How often somebody looks who stops at the first BETTER."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Block numbers of windows of one length into a class's joined columns, and how many are independent."""

    index: Ints
    independent: float


@dataclass(frozen=True, kw_only=True)
class Claims:
    """p-values of "better" and "worse" by change and window: at the end, and the least of twelve looks."""

    above: Floats
    below: Floats
    ever: Floats


def windows(tapes: TapeClass, parts: Sequence[Stretch], *, hours: float, seed: int) -> Window:
    """Cut tapes into windows that do not overlap, or join whole tapes, or draw blocks of recordings again.

    A soak of so many hours has one block less: the last reaches into its markout.
    """
    blocks = max(1, round(hours / tapes.block_hours) - 1)
    lengths = [len(part.base["net"]) for part in parts]
    ends = np.cumsum(lengths)
    starts = ends - lengths
    if tapes.cut.step_s is not None or len(parts) < 2:
        drawn = Draw(tapes, parts).indices(seed=seed, stream=0, draws=DRAWN, blocks=blocks)
        return Window(index=np.concatenate([index for index, _ in drawn]), independent=0.0)
    cut = [np.arange(at, at + blocks) for a, n in zip(starts, lengths, strict=True)
           for at in range(a, a + n - blocks + 1, blocks + 1)]  # fmt: skip
    if len(cut) >= len(parts):
        return Window(index=np.array(cut), independent=float(len(cut)))
    rng = np.random.Generator(np.random.PCG64([seed, blocks]))
    rows = []
    for _ in range(DRAWN):
        order = rng.permutation(len(parts))
        whole = np.concatenate([np.arange(starts[k], ends[k]) for k in order])
        rows.append(whole[:blocks])
    return Window(index=np.array(rows), independent=sum(lengths) / (blocks + 1))


def claims(arms: Iterable[tuple[Sums, Sums]], index: Ints, rules: EvidenceRules) -> Claims:
    """Judge pairs of arms on windows of their columns."""
    pairs = [_p_values(base["net"][index], run["net"][index], rules) for base, run in arms]
    above, below, ever = (np.array(rows) for rows in zip(*pairs, strict=True))
    return Claims(above=above, below=below, ever=ever)


def _p_values(base: Floats, run: Floats, rules: EvidenceRules) -> tuple[Floats, Floats, Floats]:
    differences = run - base
    sample = PairedSample(values=differences, differences=differences, baseline=base)
    running = running_moments(sample=sample, rules=rules)
    pairs = []
    for look in np.linspace(0, differences.shape[-1], LOOKS + 1).astype(int)[1:]:
        at = (np.asarray(column)[..., look - 1] for column in vars(running).values())
        best, worst = extremes(differences[:, :look])
        pairs.append(answer_p_values(Moments(*at), best=best, worst=worst, rules=rules))
    above, below = pairs[-1]
    return above, below, np.min([each for each, _ in pairs], axis=0)


def worthless(parts: Sequence[Stretch], *, own_blocks: bool) -> tuple[Sums, Sums]:
    """Return both arms with the mean of their difference taken out."""
    base, run = joined(parts)
    return base, at_margin(Pair("net", base, run, 0.0), own_blocks=own_blocks)


def gaining(parts: Sequence[Stretch], *, effect_bps: float) -> tuple[Sums, Sums]:
    """Return both arms, one better by so many bps of what the other trades."""
    base, run = worthless(parts, own_blocks=True)
    return base, {**run, "net": run["net"] + effect_bps / BPS * base["turnover"]}


def keeps_turnover(parts: Sequence[Stretch]) -> bool:
    """Tell whether a change trades enough for a gain to count."""
    base, run = joined(parts)
    return bool(run["turnover"].sum() >= TURNOVER_FLOOR * base["turnover"].sum())


def any_of(above: Floats, *, cells: int, seed: int) -> float | None:
    """Return how often a sweep of so many worthless cells proves one; None with fewer changes than cells."""
    changes = len(above)
    if changes < cells:
        return None
    rng = np.random.Generator(np.random.PCG64([seed, cells]))
    level = level_for(trials=cells)
    sets = [rng.choice(changes, size=cells, replace=False) for _ in range(SETS)]
    return float(np.mean([(above[chosen] <= level).any(axis=0).mean() for chosen in sets]))


def measure_better(tapes: TapeClass, *, seed: int, rules: EvidenceRules = RULES) -> dict[str, Any]:
    """Return how the comparison does on one class of tapes, as plain data."""
    live = tapes.live
    seeds = {name: parts for name, parts in tapes.seeds.items() if any(p.differs for p in parts)}
    kept = [parts for parts in live.values() if keeps_turnover(parts)]
    return {
        "name": tapes.name,
        "tapes": list(tapes.tapes),
        "hours": tapes.hours,
        "block_s": tapes.cut.block_s,
        "changes": len(live),
        "keep_turnover": len(kept),
        "by_hours": [
            _at_hours(tapes, live, seeds, kept, hours=hours, seed=seed, rules=rules)
            for hours in HOURS["liquid" if tapes.cut.block_s == LIQUID_BLOCK_S else "thin"]
        ],
    }


def _at_hours(
    tapes: TapeClass,
    live: Mapping[str, Sequence[Stretch]],
    seeds: Mapping[str, Sequence[Stretch]],
    kept: Sequence[Sequence[Stretch]],
    *,
    hours: float,
    seed: int,
    rules: EvidenceRules,
) -> dict[str, Any]:
    window = windows(tapes, next(iter(live.values())), hours=hours, seed=seed)
    null = {
        kind: claims((worthless(parts, own_blocks=own) for parts in live.values()), window.index, rules)
        for kind, own in (("even", False), ("own", True))
    }
    # Of what is drawn again from a few blocks the mean is known to the test: it is taken out of A/A too.
    alike = (
        (joined(parts) if window.independent else worthless(parts, own_blocks=True))
        for parts in seeds.values()
    )
    same = claims(alike, window.index, rules) if seeds else None
    names = list(live)
    return {
        "hours": hours,
        "windows": len(window.index),
        "independent": window.independent,
        "better": {kind: _rate(claim.above, names) for kind, claim in null.items()},
        "worse": {kind: _rate(claim.below, names) for kind, claim in null.items()},
        "ever": {kind: _rate(claim.ever, names) for kind, claim in null.items()},
        "seeds": None if same is None else _rate(np.minimum(same.above, same.below), list(seeds)),
        "sweeps": {
            str(cells): {kind: any_of(claim.above, cells=cells, seed=seed) for kind, claim in null.items()}
            for cells in CELLS
        },
        "power": {
            f"{effect:g}": float(np.mean(_power(kept, effect, window.index, rules))) if kept else None
            for effect in EFFECTS_BPS
        },
    }


def _power(kept: Sequence[Sequence[Stretch]], effect: float, index: Ints, rules: EvidenceRules) -> Any:
    power = claims((gaining(parts, effect_bps=effect) for parts in kept), index, rules)
    return power.above <= ALPHA


def _rate(p: Floats, names: Sequence[str]) -> dict[str, Any]:
    rates = (p <= ALPHA).mean(axis=1)
    at = int(np.argmax(rates))
    return {"mean": float(rates.mean()), "worst": float(rates[at]), "worst_name": names[at]}


def upper_bound(*, rate: float, independent: float) -> float:
    """Return the one-sided 95 % upper bound of a rate over so many independent windows (Clopper-Pearson)."""
    hits = rate * independent
    if independent <= hits:
        return 1.0
    bound = beta_quantile(p=BOUND, a=hits + 1.0, b=independent - hits)
    return 1.0 if bound is None else bound
