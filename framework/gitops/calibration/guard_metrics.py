"""How often the metrics that guard net let a worse candidate through, and how often the whole gate does.

A guard is measured on a candidate that is worse by exactly its margin: calling it not worse is false. The
whole gate is measured with every metric drawn by the same block numbers, so that what moves together in a
replay moves together here; it promotes where all are proven after the same block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from framework.fanout.run import BackendName, run_all
from framework.gates.paired import Bools, EvidenceRules, p_values, running_moments
from framework.gates.paired_metrics import METRICS, Kind, Pair, Sums, paired_sample
from framework.gitops.calibration.rates import HOURS, Question, first_of, measure_net, within
from framework.gitops.calibration.report import (
    AllRates,
    ByHours,
    ClassReport,
    GuardRates,
    NetRates,
    Rate,
    WholeRates,
    rate_of,
)
from framework.gitops.calibration.resample import (
    Arms,
    Draw,
    Ints,
    Stretch,
    at_margin,
    gather,
    joined,
    running_ratio_mean,
)

GUARDS = tuple(name for name in METRICS if name != "net")
STREAM = 5_000
Part = Literal["guards", "net"]
PARTS: tuple[Part, Part] = ("guards", "net")
Job = tuple[Question, Part]


def proven(pair: Pair, *, rules: EvidenceRules) -> Bools:
    """Tell after which blocks a metric is proven good enough, one drawn tape a row.

    After the last block it is exactly what the gate says. Of a ratio the mean is exact throughout, while its
    spread so far is that of influence values over the whole tape.
    """
    moments = running_moments(sample=paired_sample(pair), rules=rules)
    if pair.spec.kind is Kind.RATIO:
        moments = replace(moments, mean=running_ratio_mean(pair))
    above, _ = p_values(moments, rho=rules.rho)
    good: Bools = above <= rules.alpha
    return good


@dataclass(frozen=True)
class _Tally:
    """Of one change: after how many blocks something was first promoted, by what it is, over all draws."""

    first: Mapping[str, Ints]

    def ever(self, name: str, blocks: int) -> float:
        return float((self.first[name] <= blocks).mean())


def measure_guards(question: Question) -> AllRates:
    """Return the rates of every guard and of the whole gate on one class of tapes."""
    tapes = question.tapes
    changes = list(tapes.live.items())
    tallies = {name: _of_change(question, parts, STREAM + k) for k, (name, parts) in enumerate(changes)}
    same = {
        name: _of_seed(question, parts, 2 * STREAM + k)
        for k, (name, parts) in enumerate(tapes.seeds.items())
        if any(part.differs for part in parts)
    }
    good = {name: _good(question, parts) for name, parts in changes}
    return AllRates(
        guards={metric: _guard_row(question, metric, tallies, good) for metric in GUARDS},
        whole=_whole_rows(question, tallies, same, good),
        guard_hours=_hours(question),
    )


def measure_part(job: Job) -> NetRates | AllRates:
    """Measure one part of a question; importable by name, for workers call it."""
    question, part = job
    return measure_guards(question) if part == "guards" else measure_net(question)


def measure_all(questions: Sequence[Question], *, workers: int | None) -> tuple[ClassReport, ...]:
    """Measure every part of every question; ``workers`` processes (the cores), 0 for none."""
    jobs: list[Job] = [(question, part) for question in questions for part in PARTS]
    backend: BackendName = "serial" if workers == 0 else "pool"
    parts = [job.unwrap() for job in run_all(measure_part, jobs, backend=backend, workers=workers or None)]
    guards = [part for part in parts if isinstance(part, AllRates)]
    nets = [part for part in parts if isinstance(part, NetRates)]
    return tuple(ClassReport(net, of_guards) for net, of_guards in zip(nets, guards, strict=True))


def _hours(question: Question) -> tuple[float, ...]:
    return tuple(h for h in HOURS if h <= question.tapes.longest_h)


def _good(question: Question, parts: Sequence[Stretch]) -> dict[str, bool]:
    """Tell of each metric whether the change, as measured over all blocks, keeps its margin."""
    base, candidate = joined(parts)
    good = {}
    for metric, margin in question.margins.items():
        sample = paired_sample(Pair(metric, base, candidate, margin))
        good[metric] = bool(sample.values.mean() > 0.0)
    return good


def _of_change(question: Question, parts: Sequence[Stretch], stream: int) -> _Tally:
    """Draw tapes of one change and look at every metric: as measured, and at its margin."""
    margins = question.margins
    base, candidate = joined(parts)
    everything = candidate
    moved: dict[str, tuple[str, Sums]] = {}
    for metric, margin in margins.items():
        everything = at_margin(Pair(metric, base, everything, margin))
        for own in (False, True):
            if metric != "net" and _differs(metric, base, candidate):
                at = at_margin(Pair(metric, base, candidate, margin), own_blocks=own)
                moved[f"{metric} at margin{', own' * own}"] = (metric, at)
    lossy = at_margin(Pair("net", base, candidate, margins["net"]))
    idle = at_margin(Pair("net", base, candidate, 0.0))

    def look(index: Ints) -> dict[str, Bools]:
        drawn = gather(base, index)
        hits = {
            name: _look(question, metric, (drawn, gather(at, index))) for name, (metric, at) in moved.items()
        }
        measured = gather(candidate, index)
        held = {metric: _look(question, metric, (drawn, measured)) for metric in margins}
        guards = _all(held[metric] for metric in GUARDS)
        no_gain, loss = (_only_net(arm, index) for arm in (idle, lossy))
        hits |= held
        hits["as measured"] = guards & held["net"]
        hits["net at margin"] = guards & _look(question, "net", (drawn, loss))
        hits["net at zero"] = (
            guards
            & _look(question, "net", (drawn, no_gain))
            & _look(question, "net", (drawn, no_gain), margin=0.0)
        )
        limit = gather(everything, index)
        hits["everything at margin"] = _all(_look(question, m, (drawn, limit)) for m in margins)
        return hits

    return _tally(question, parts, stream, lambda index, _coin: look(index))


def _of_seed(question: Question, parts: Sequence[Stretch], stream: int) -> _Tally:
    """Draw tapes of two runs that differ by the seed of their delays: a coin a run says which is which."""
    one, other = joined(parts)

    def look(index: Ints, coin: Any) -> dict[str, Bools]:
        a, b = gather(one, index), gather(other, index)
        base = {name: np.where(coin > 0.0, a[name], b[name]) for name in a}
        candidate = {name: np.where(coin > 0.0, b[name], a[name]) for name in a}
        held = {m: _look(question, m, (base, candidate)) for m in question.margins}
        hits = {**held, "not worse": _all(held.values())}
        hits["better"] = hits["not worse"] & _look(question, "net", (base, candidate), margin=0.0)
        return hits

    return _tally(question, parts, stream, look)


def _tally(
    question: Question,
    parts: Sequence[Stretch],
    stream: int,
    look: Callable[[Ints, Any], Mapping[str, Bools]],
) -> _Tally:
    design, tapes = question.design, question.tapes
    firsts: dict[str, list[Ints]] = {}
    drawn = Draw(tapes, parts).indices(
        seed=design.seed, stream=stream, draws=design.guard_draws, blocks=tapes.longest
    )
    for index, coin in drawn:
        for name, hits in look(index, coin).items():
            firsts.setdefault(name, []).append(first_of(hits))
    return _Tally({name: np.concatenate(parts) for name, parts in firsts.items()})


def _look(question: Question, metric: str, arms: Arms, margin: float | None = None) -> Bools:
    allowed = question.margins[metric] if margin is None else margin
    return proven(Pair(metric, *arms, allowed), rules=question.rules)


def _only_net(arm: Sums, index: Ints) -> Sums:
    return {"net": arm["net"][index]}


def _all(hits: Any) -> Bools:
    result: Bools = np.logical_and.reduce(list(hits))
    return result


def _differs(metric: str, base: Sums, candidate: Sums) -> bool:
    spec = METRICS[metric]
    names = [spec.column, *([spec.per] if spec.per else [])]
    return any(bool(np.any(base[name] != candidate[name])) for name in names)


def _guard_row(
    question: Question,
    metric: str,
    tallies: Mapping[str, _Tally],
    good: Mapping[str, Mapping[str, bool]],
) -> GuardRates:
    """Return a guard's false rates at the margin, and what it says of the changes as they were measured."""
    blocks = question.tapes.longest
    inside = [name for name in tallies if good[name][metric]]
    beyond = [name for name in tallies if not good[name][metric]]
    return GuardRates(
        label=METRICS[metric].label,
        margin=question.margins[metric],
        at_margin=_rate(tallies, f"{metric} at margin", blocks),
        own_blocks=_rate(tallies, f"{metric} at margin, own", blocks),
        beyond=_rate({name: tallies[name] for name in beyond}, metric, blocks),
        within=_by_hours(question, [tallies[name] for name in inside], metric),
    )


def _whole_rows(
    question: Question,
    tallies: Mapping[str, _Tally],
    same: Mapping[str, _Tally],
    good: Mapping[str, Mapping[str, bool]],
) -> WholeRates:
    blocks = question.tapes.longest
    inside = [name for name in tallies if all(good[name].values())]
    beyond = {name: tallies[name] for name in tallies if name not in inside}
    return WholeRates(
        seeds=_rate(same, "better", blocks),
        zero=_rate(tallies, "net at zero", blocks),
        margin=_rate(tallies, "net at margin", blocks),
        everything=_rate(tallies, "everything at margin", blocks),
        beyond=_rate(beyond, "as measured", blocks),
        seeds_by_hours=_by_hours(question, list(same.values()), "not worse"),
        within_by_hours=_by_hours(question, [tallies[name] for name in inside], "as measured"),
    )


def _rate(tallies: Mapping[str, _Tally], name: str, blocks: int) -> Rate:
    rates = {change: tally.ever(name, blocks) for change, tally in tallies.items() if name in tally.first}
    return rate_of(np.array(list(rates.values())), list(rates))


def _by_hours(question: Question, tallies: Sequence[_Tally], name: str) -> ByHours:
    """Return how many changes there are, and the share of their drawn tapes promoted within so many hours."""
    hours = _hours(question)
    rows = [within(t.first[name], tapes=question.tapes, hours=hours).mean(axis=1) for t in tallies]
    return ByHours(len(rows), tuple(float(s) for s in np.mean(rows, axis=0)) if rows else None)
