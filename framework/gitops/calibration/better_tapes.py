"""The tapes and the cells on which BETTER is measured: a market's own start, and what a sweep would try."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from framework.edge.measures import LIQUID_BLOCK_S, THIN_BLOCK_S
from framework.fanout.run import run_all
from framework.gitops.calibration.resample import Stretch, TapeClass, stretch
from framework.gitops.calibration.tapes import (
    OTHER_SEEDS,
    RUN,
    SEED,
    SHORT_H,
    WORDS,
    Source,
    parameter_changes,
    random_package,
)
from framework.gitops.gate.arms import ArmBlocks, ArmJob, Opener, replay_arm
from framework.market.made import Made
from framework.market.synthetic import generate
from framework.market.tape import Tape
from framework.session.blocks import Cut
from framework.session.replay import package_of, with_package
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.soak.versus import HORIZON

MIXED = 26
"""Cells of several values at once, so that there are enough for a sweep of fifty."""
DELAYS = OTHER_SEEDS[:3]
"""Seeds of the delays beside the base's: the same configuration once more."""
SKEWS = (0.5, 1.0, 1.5, 2.0)
WIDTHS = {"liquid": (0.75, 1.0, 1.5, 2.0), "thin": (1.0, 2.0, 4.0, 4.5, 6.0, 8.0, 10.0)}
"""Half-spreads in bps."""
THIN_START = ("strategy.base_half_spread_bps=3.0", "sizing.max_position_quotes=1.5")
"""Where environment thin begins."""


@dataclass(frozen=True, kw_only=True)
class Market:
    """A market of the simulator, and the length and share of the tapes that are made of it."""

    name: str
    preset: str
    regime: str
    hours: float
    share: float
    offset: int
    """Its first seed after that of the set."""
    words: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return which of the two block lengths its soaks have."""
        return "thin" if self.preset == "thin_spot" else "liquid"


MARKETS = tuple(
    Market(
        name=f"{kind}, {regime}",
        preset=preset,
        regime=regime,
        hours=hours,
        share=share,
        offset=offset,
        words=words,
    )
    for kind, preset, hours, share, start, words in (
        ("thin", "thin_spot", 48.0, 1.0, 0, ("market.preset=thin_spot", *THIN_START)),
        ("liquid", "liquid_perp", 8.0, 1.0 / 3.0, 300, ()),
    )
    for regime, offset in (("normal", start), ("high_vol", start + 200))
)


def cells_of(base: RunSettings, *, kind: str) -> dict[str, RunSettings]:
    """Return what is tried beside ``base``: parameters, half-spreads, and mixtures of both."""
    cells = parameter_changes(base)
    widths = [w for w in WIDTHS[kind] if w != base.strategy.base_half_spread_bps]
    cells |= {f"base_half_spread_bps={w:g}": _wide(base, w) for w in widths}
    rng = np.random.Generator(np.random.PCG64(77))
    for k in range(MIXED):
        mixed = _wide(with_package(base, random_package(rng, package_of(base))), float(rng.choice(widths)))
        skew = float(rng.choice(SKEWS))
        strategy = mixed.strategy.model_copy(update={"inventory_skew": skew})
        cells[f"mixture {k + 1}"] = mixed.model_copy(update={"strategy": strategy})
    return cells


def _wide(base: RunSettings, half_spread_bps: float) -> RunSettings:
    strategy = base.strategy.model_copy(update={"base_half_spread_bps": half_spread_bps})
    return base.model_copy(update={"strategy": strategy})


@dataclass(frozen=True, kw_only=True)
class TapeJob:
    """Every arm on one tape, which is made once: name, settings and seed of its delays."""

    opener: Opener
    arms: Sequence[tuple[str, RunSettings, int]]
    cut: Cut


def replay_all(job: TapeJob) -> dict[str, ArmBlocks]:
    """Replay every arm on the tape."""
    held = job.opener()

    def tape() -> Tape:
        return held

    return {
        name: replay_arm(ArmJob(settings=settings, opener=tape, seed=seed, cut=job.cut, judged=False))
        for name, settings, seed in job.arms
    }


def made_class(
    market: Market,
    *,
    root: Path,
    first_seed: int,
    count: int,
    workers: int | None,
    progress: Callable[[], None],
) -> TapeClass:
    """Make tapes of a market from ``first_seed`` on and replay everything on them."""
    base = compose_run(words=(*WORDS, *market.words), root=root, environ={}).settings
    seeds = range(first_seed, first_seed + count)
    made = [Made(preset=market.preset, regime=market.regime, hours=market.hours, seed=s) for s in seeds]
    return _class_of(
        f"{market.name}, seeds {seeds[0]} to {seeds[-1]}",
        kind=market.kind,
        base=base,
        openers=[partial(generate, one) for one in made],
        tapes=(f"{count} of {market.hours:g} h",),
        short=False,
        workers=workers,
        progress=progress,
    )


def recorded_class(
    sources: Sequence[Source], *, root: Path, workers: int | None, progress: Callable[[], None]
) -> TapeClass:
    """Replay everything on recordings of one kind of market."""
    first = sources[0]
    words = ("exchange.fee_in_base=true",) if first.spot else ()
    return _class_of(
        f"recorded, {first.market}",
        kind=first.market,
        base=compose_run(words=(*WORDS, *words), root=root, environ={}).settings,
        openers=[source.opener for source in sources],
        tapes=tuple(source.name for source in sources),
        short=any(source.hours < SHORT_H for source in sources),
        workers=workers,
        progress=progress,
    )


def _class_of(
    name: str,
    *,
    kind: str,
    base: RunSettings,
    openers: Sequence[Opener],
    tapes: tuple[str, ...],
    short: bool,
    workers: int | None,
    progress: Callable[[], None],
) -> TapeClass:
    block_s = THIN_BLOCK_S if kind == "thin" else LIQUID_BLOCK_S
    cut = Cut(block_s=block_s, horizon=HORIZON, step_s=10 if short and kind == "liquid" else None)
    cells = cells_of(base, kind=kind)
    arms = [("", base, SEED), *((label, settings, SEED) for label, settings in cells.items())]
    arms += [(f"seed {seed}", base, seed) for seed in DELAYS]
    jobs = [TapeJob(opener=opener, arms=arms, cut=cut) for opener in openers]
    outcomes = run_all(
        replay_all,
        jobs,
        backend="serial" if workers == 0 else "pool",
        workers=workers or None,
        on_done=lambda _: progress(),
    )
    played = [outcome.unwrap() for outcome in outcomes]
    return TapeClass(
        name=name,
        tapes=tapes,
        cut=cut,
        run=1 if cut.step_s is not None else RUN[kind],
        hours=sum(one[""].hours for one in played),
        longest_h=0.0,
        changes={label: _pairs(played, label) for label in cells},
        seeds={f"seed {seed}": _pairs(played, f"seed {seed}") for seed in DELAYS},
    )


def _pairs(played: Sequence[Mapping[str, ArmBlocks]], label: str) -> tuple[Stretch, ...]:
    return tuple(stretch(base=one[""], candidate=one[label]) for one in played)
