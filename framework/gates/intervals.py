"""Compare a measurement with a limit: on its value, or on its interval so that luck decides nothing."""

import math
from dataclasses import dataclass
from enum import Enum


class Standing(Enum):
    """Where a measurement stands to a limit."""

    MET = "met"
    MISSED = "missed"
    UNPROVEN = "unproven"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Measurement:
    """A value with its interval (``None``: that side is open) and the effective sample size behind it."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    n_eff: float | None = None

    @property
    def known(self) -> bool:
        """Tell whether there is a finite value."""
        return self.value is not None and math.isfinite(self.value)


def stand_on_value(*, measured: Measurement, limit: float, higher_is_better: bool) -> Standing:
    """Compare the value alone; reaching the limit exactly meets it."""
    if not measured.known or measured.value is None:
        return Standing.UNKNOWN
    met = measured.value >= limit if higher_is_better else measured.value <= limit
    return Standing.MET if met else Standing.MISSED


def stand_on_interval(*, measured: Measurement, limit: float, higher_is_better: bool) -> Standing:
    """Call the limit met only if the whole interval meets it, missed only if the whole interval misses it."""
    if not measured.known:
        return Standing.UNKNOWN
    good, bad = (measured.lower, measured.upper) if higher_is_better else (measured.upper, measured.lower)
    sign = 1.0 if higher_is_better else -1.0
    if good is not None and sign * (good - limit) >= 0.0:
        return Standing.MET
    if bad is not None and sign * (bad - limit) < 0.0:
        return Standing.MISSED
    return Standing.UNPROVEN


def hours_to_tell(
    *,
    measured: Measurement,
    limit: float,
    hours: float,
    higher_is_better: bool,
    values_needed: int | None = None,
) -> float | None:
    """Estimate the hours of such tape after which an unproven limit would be proven met or missed.

    An interval narrows with the square root of time. A percentile whose bound is still open first needs
    ``values_needed`` independent values. Returns None when nothing measured so far tells.
    """
    if not measured.known or measured.value is None or hours <= 0.0:
        return None
    gap = measured.value - limit
    if not higher_is_better:
        gap = -gap
    # The bound that stands in the way lies between the value and the limit, or beyond it.
    towards_lower = (gap >= 0.0) == higher_is_better
    bound = measured.lower if towards_lower else measured.upper
    if bound is None:
        if values_needed is None or not measured.n_eff:
            return None
        return hours * max(1.0, values_needed / measured.n_eff)
    half = abs(measured.value - bound)
    return hours * (half / abs(gap)) ** 2 if gap else None
