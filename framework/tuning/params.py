"""The six tuned parameters, their runtime limits, and the package they form."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from framework import limits
from framework.errors import QuoteopsError
from framework.limits import Bound


class TuningError(QuoteopsError):
    """A rule table, a package or a measurement that the tuner cannot accept."""


class Field(StrEnum):
    """A tuned parameter."""

    MIN_INTERVAL = "min_interval_ms"
    REPLACE_RATE = "replace_rate_per_min"
    SPREAD = "base_spread_bps_delta"
    TAIL_AGE = "tail_age_ms"
    IMPACT_CAP = "impact_cap_ratio"
    MAX_DELTA = "max_delta_ratio"


Bounds = Mapping[Field, Bound]

RUNTIME_LIMITS: Bounds = {field: getattr(limits, field.value.upper()) for field in Field}


@dataclass(frozen=True, slots=True)
class TuningParams:
    """One package of the six parameters."""

    min_interval_ms: int
    replace_rate_per_min: int
    base_spread_bps_delta: float
    tail_age_ms: int
    impact_cap_ratio: float
    max_delta_ratio: float

    def value(self, field: Field) -> float:
        """Return one parameter."""
        return float(getattr(self, field.value))

    def with_value(self, field: Field, value: float) -> "TuningParams":
        """Return the package with one parameter set, kept to the decimals of its limit."""
        change: dict[str, Any] = {field.value: quantise(field, value)}
        return replace(self, **change)

    def mapping(self) -> dict[str, float]:
        """Return the package as plain names and values, in declaration order."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def quantise(field: Field, value: float) -> float:
    """Keep a value to the decimals of its parameter; whole parameters become int."""
    decimals = RUNTIME_LIMITS[field].decimals
    return round(value, decimals) if decimals else round(value)


def format_value(field: Field, value: float) -> str:
    """Write a value as markers show it: whole numbers plain, ratios with two to four decimals."""
    decimals = RUNTIME_LIMITS[field].decimals
    if not decimals:
        return str(round(value))
    text = f"{value:.{decimals}f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"


def signature(params: TuningParams) -> str:
    """Return the text that two packages share exactly when they are equal."""
    return "/".join(format_value(field, params.value(field)) for field in Field)


def field_named(name: str) -> Field:
    """Return the parameter of that name; a TuningError names the nearest one."""
    try:
        return Field(name)
    except ValueError:
        near = get_close_matches(name, [field.value for field in Field], n=1)
        hint = f"; nearest is {near[0]}" if near else ""
        allowed = ", ".join(field.value for field in Field)
        raise TuningError(f"tuning: {name} is not a tuned parameter{hint}; allowed {allowed}") from None


def check_value(*, where: str, field: Field, value: float, bounds: Bounds = RUNTIME_LIMITS) -> None:
    """Refuse a value outside its limits (NaN included) with a TuningError."""
    bound = bounds[field]
    if not math.isfinite(value) or not bound.holds(value):
        low, high = format_value(field, bound.low), format_value(field, bound.high)
        raise TuningError(f"{where}: {field.value} is {value}; allowed {low} to {high}")


def check_params(*, where: str, params: TuningParams, bounds: Bounds = RUNTIME_LIMITS) -> None:
    """Refuse a package with any value outside its limits with a TuningError."""
    for field in Field:
        check_value(where=where, field=field, value=params.value(field), bounds=bounds)


def complete_package(
    *,
    package: Mapping[str, float],
    defaults: Mapping[str, float],
    bounds: Bounds = RUNTIME_LIMITS,
) -> TuningParams:
    """Fill the keys a package leaves out from the defaults and refuse unknown or out-of-range ones."""
    given = {field_named(name): value for name, value in package.items()}
    merged = {field_named(name): value for name, value in defaults.items()} | given
    missing = [field.value for field in Field if field not in merged]
    if missing:
        raise TuningError(f"tuning: package has no {missing[0]} and no default; allowed: give either")
    for field, value in merged.items():
        check_value(where="tuning: package", field=field, value=value, bounds=bounds)
    values: dict[str, Any] = {field.value: quantise(field, merged[field]) for field in Field}
    return TuningParams(**values)
