"""The tapes and the parameter changes a calibration rests on, replayed: pairs of arms by kind of market."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from framework.edge.measures import LIQUID_TRADES_PER_MIN
from framework.fanout.run import BackendName, run_all
from framework.files.moments import DATE_FORM, utc_words
from framework.gitops.calibration.resample import Stretch, TapeClass, stretch
from framework.gitops.gate.arms import ArmBlocks, ArmJob, Opener, replay_arm
from framework.market.events import TRADE
from framework.market.made import Made
from framework.market.store import open_tape
from framework.market.tape import Tape
from framework.market.tapes.open import TapeCache
from framework.session.blocks import LIQUID, THIN
from framework.session.replay import package_of, with_package
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.tuning.params import RUNTIME_LIMITS, Field, TuningParams, quantise
from framework.units import SECOND

WORDS = ("exchange.latency_model=lognormal", "soak.iterations=1")
"""Delays are drawn, so that a seed means something."""
SEED = 7
OTHER_SEEDS = (8, 9, 10, 11, 12, 13)
RANDOM_PACKAGES = 8
STRATEGY: tuple[tuple[str, Any], ...] = (
    ("inventory_skew", 0.0),
    ("inventory_skew", 2.0),
    ("base_half_spread_bps", 0.25),
    ("base_half_spread_bps", 1.0),
    ("risk_aversion_gamma", 0.3),
    ("adverse_weight", 0.0),
    ("queue_nudge_ticks", 0),
)
SHORT_H = 2.0
FINE = replace(LIQUID, step_s=10)
"""A recording of minutes has too few blocks of one: its minutes are drawn from any ten seconds on."""
LONGEST_H = {"liquid": 34.0, "thin": 100.0}
RUN = {"liquid": 15, "thin": 6}
"""Blocks drawn together: what lasts longer than a quarter or a whole hour is lost."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One tape of a calibration: its name (symbol and day), how it is opened, what it is."""

    name: str
    market: str
    synthetic: bool
    hours: float
    spot: bool
    opener: Opener
    digest: str


def recorded(archive: str) -> Source:
    """Look at an archive; raises TapeError."""
    opener = partial(open_tape, archive, exact=True)
    return _source(opener(), opener, synthetic=False)


def synthetic(*, hours: Mapping[str, float], seed: int = 1_001) -> list[Source]:
    """Make every regime of the two embedded markets; ``hours`` by preset."""
    sources = []
    for preset, length in hours.items():
        for k, regime in enumerate(("normal", "event", "high_vol")):
            opener = partial(_cached, Made(preset=preset, regime=regime, hours=length, seed=seed + k))
            sources.append(
                _source(opener(), opener, synthetic=True, name=f"{preset} {regime}, seed {seed + k}")
            )
    return sources


def _cached(made: Made) -> Tape:
    return TapeCache(exact=True).tape(made)


def _source(tape: Tape, opener: Callable[[], Tape], *, synthetic: bool, name: str | None = None) -> Source:
    minutes = max((tape.end_ns - tape.start_ns) / SECOND / 60.0, 1e-9)
    trades = int(np.count_nonzero(tape.kind == TRADE))
    day = utc_words(tape.start_ns, form=DATE_FORM)
    return Source(
        name=name or f"{tape.instrument.symbol} {day}",
        market="liquid" if trades / minutes >= LIQUID_TRADES_PER_MIN else "thin",
        synthetic=synthetic,
        hours=minutes / 60.0,
        spot=tape.instrument.kind == "spot",
        opener=opener,
        digest=tape.meta.digest,
    )


def parameter_changes(base: RunSettings) -> dict[str, RunSettings]:
    """Return the changes a gate is measured on: each parameter to its ends, random packages, the strategy."""
    package = package_of(base)
    changes = {}
    for field in Field:
        for value in (RUNTIME_LIMITS[field].low, RUNTIME_LIMITS[field].high):
            if package.value(field) != value:
                changes[f"{field.value}={value:g}"] = with_package(base, package.with_value(field, value))
    for k, drawn in enumerate(_random_packages(package)):
        changes[f"random package {k + 1}"] = with_package(base, drawn)
    for name, value in STRATEGY:
        if getattr(base.strategy, name) != value:
            changed = base.strategy.model_copy(update={name: value})
            changes[f"{name}={value:g}"] = base.model_copy(update={"strategy": changed})
    return changes


def _random_packages(package: TuningParams) -> Iterator[TuningParams]:
    rng = np.random.Generator(np.random.PCG64(5))
    for _ in range(RANDOM_PACKAGES):
        yield random_package(rng, package)


def random_package(rng: np.random.Generator, package: TuningParams) -> TuningParams:
    """Draw every parameter between its limits."""
    drawn = package
    for field in Field:
        low, high = RUNTIME_LIMITS[field].low, RUNTIME_LIMITS[field].high
        drawn = drawn.with_value(field, quantise(field, low + (high - low) * rng.random()))
    return drawn


def by_market(sources: Sequence[Source]) -> list[list[Source]]:
    """Group tapes by what they are: made or recorded, thin or liquid."""
    kinds: dict[tuple[bool, str], list[Source]] = {}
    for source in sources:
        kinds.setdefault((source.synthetic, source.market), []).append(source)
    return list(kinds.values())


def class_of(
    sources: Sequence[Source], *, root: Path, workers: int | None = None, most_changes: int | None = None
) -> TapeClass:
    """Replay every change on every tape of one market; ``most_changes`` limits them."""
    first = sources[0]
    name = f"{'synthetic' if first.synthetic else 'recorded'}, {first.market}"
    short = first.market == "liquid" and any(s.hours < SHORT_H for s in sources)
    cut = THIN if first.market == "thin" else FINE if short else LIQUID
    bases = [_settings(source, root) for source in sources]
    changed = [list(parameter_changes(base).items())[:most_changes] for base in bases]
    arms: list[tuple[str, int, RunSettings, int]] = []
    for k, base in enumerate(bases):
        arms.append(("", k, base, SEED))
        arms += [(change, k, settings, SEED) for change, settings in changed[k]]
        arms += [(f"seed {seed}", k, base, seed) for seed in OTHER_SEEDS]
    jobs = [
        ArmJob(settings=settings, opener=sources[k].opener, seed=seed, cut=cut, judged=False)
        for _, k, settings, seed in arms
    ]
    backend: BackendName = "serial" if workers == 0 else "pool"
    outcomes = run_all(replay_arm, jobs, backend=backend, workers=workers or None)
    blocks = {(label, k): out.unwrap() for (label, k, _, _), out in zip(arms, outcomes, strict=True)}
    return TapeClass(
        name=name,
        tapes=tuple(f"{s.name} ({_span(s.hours)})" for s in sources),
        cut=cut,
        run=1 if short else RUN[first.market],
        hours=sum(blocks["", k].hours for k in range(len(sources))),
        longest_h=LONGEST_H[first.market],
        changes={label: _pairs(blocks, label, len(sources)) for label, _ in changed[0]},
        seeds={f"seed {s}": _pairs(blocks, f"seed {s}", len(sources)) for s in OTHER_SEEDS},
    )


def _pairs(blocks: Mapping[tuple[str, int], ArmBlocks], label: str, count: int) -> tuple[Stretch, ...]:
    return tuple(stretch(base=blocks["", k], candidate=blocks[label, k]) for k in range(count))


def _settings(source: Source, root: Path) -> RunSettings:
    spot = ("exchange.fee_in_base=true",) if source.spot and not source.synthetic else ()
    return compose_run(words=(*WORDS, *spot), root=root, environ={}).settings


def _span(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1.0 else f"{hours * 60.0:.0f} min"
