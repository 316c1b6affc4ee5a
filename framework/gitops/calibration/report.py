"""A calibration as a value: of each class of tapes how often the gate errs, and how soon it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from framework.gates.paired import FLOORED, LAGS, EvidenceRules, Floats
from framework.gitops.calibration.resample import Design


@dataclass(frozen=True)
class Rate:
    """Mean and worst of a share over changes; None where nothing was measured: no evidence is no pass."""

    mean: float | None
    worst: float | None
    worst_name: str | None
    count: int


@dataclass(frozen=True)
class ByHours:
    """How many changes there are, and the share of their drawn tapes promoted within so many hours."""

    count: int
    shares: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class NetRates:
    """What the gate does with net on one class of tapes."""

    name: str
    tapes: tuple[str, ...]
    hours: float
    block_s: int
    horizon: str
    drawn_hours: float
    run_blocks: int
    quoted_bps: float
    margin_bps: float
    hours_asked: tuple[float, ...]
    changes: tuple[str, ...]
    no_effect: tuple[str, ...]
    rates: Mapping[str, Rate]
    power: Mapping[str, tuple[float, ...]]
    """By true gain, the chance to be promoted within each of ``hours_asked``."""


@dataclass(frozen=True, kw_only=True)
class GuardRates:
    """A guard's false rates at the margin, and what it says of the changes as they were measured."""

    label: str
    margin: float
    at_margin: Rate
    own_blocks: Rate
    beyond: Rate
    within: ByHours


@dataclass(frozen=True, kw_only=True)
class WholeRates:
    """What all metrics together promote, falsely and rightly."""

    seeds: Rate
    zero: Rate
    margin: Rate
    everything: Rate
    beyond: Rate
    seeds_by_hours: ByHours
    within_by_hours: ByHours


@dataclass(frozen=True, kw_only=True)
class AllRates:
    """What the guards and the whole gate do on one class of tapes."""

    guards: Mapping[str, GuardRates]
    whole: WholeRates
    guard_hours: tuple[float, ...]


@dataclass(frozen=True)
class ClassReport:
    """Everything measured on one class of tapes."""

    net: NetRates
    all: AllRates

    @property
    def false_rates(self) -> tuple[Rate, ...]:
        """Return the rates that the target bounds."""
        return tuple(self.net.rates[kind] for kind in ("seeds", "zero", "margin"))

    def as_dict(self) -> dict[str, Any]:
        """Return it as one object of the report."""
        return {**asdict(self.net), **asdict(self.all)}


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """A calibration, with the command that makes it again."""

    command: str
    rules: EvidenceRules
    design: Design
    target: float
    classes: tuple[ClassReport, ...]

    @property
    def met(self) -> bool:
        """Tell whether every class promotes falsely at most ``target`` on average, in all three ways."""
        rates = [rate for row in self.classes for rate in row.false_rates]
        return target_met(rates, target=self.target)

    def stated(self) -> dict[str, Any]:
        """Return the rules in force and what was drawn."""
        return {
            "rules": {
                "alpha": self.rules.alpha,
                "min_effective_blocks": self.rules.min_effective_blocks,
                "top_block_share": self.rules.top_block_share,
                "sd_floor": self.rules.sd_floor,
                "floored": FLOORED,
                "lags": LAGS,
            },
            "design": {
                "draws": self.design.draws,
                "guard_draws": self.design.guard_draws,
                "seed": self.design.seed,
            },
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the plain data of the report."""
        return {
            "command": self.command,
            **self.stated(),
            "target": self.target,
            "met": self.met,
            "classes": [row.as_dict() for row in self.classes],
        }


def target_met(rates: Sequence[Rate], *, target: float) -> bool:
    """Tell whether there are rates and every one is at most ``target`` on average."""
    return bool(rates) and all(rate.mean is not None and rate.mean <= target for rate in rates)


def rate_of(rates: Floats, names: Sequence[str]) -> Rate:
    """Return mean and worst of the rates of named changes."""
    if not len(rates):
        return Rate(None, None, None, 0)
    at = int(np.argmax(rates))
    return Rate(float(rates.mean()), float(rates[at]), names[at], len(rates))
