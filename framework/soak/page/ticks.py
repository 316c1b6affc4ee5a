"""Where an axis is written on: round numbers, round times, powers of ten; labels moved apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from framework.files.moments import utc_words
from framework.soak.page.words import compact
from framework.units import SECOND

Tick = tuple[float, str]
"""A place on an axis in its own unit, and what is written there."""

_DAY = 86_400
_STEPS_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200),
    *(_DAY, 2 * _DAY, 7 * _DAY),
)


def numbers(low: float, high: float, *, most: int, plus: bool = False) -> list[Tick]:
    """Give at most ``most`` round numbers within a range, evenly apart."""
    places = _round_places(low, high, most=most)
    texts = [compact(value, plus=plus) for value in places]
    if len(set(texts)) < len(texts):  # three digits do not tell them apart
        texts = [f"{value:+.8g}" if plus and value else f"{value:.8g}" for value in places]
    return list(zip(places, texts, strict=True))


def _round_places(low: float, high: float, *, most: int) -> list[float]:
    if not high > low:
        return [low]
    base = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0):
        step = factor * base
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [k * step for k in range(first, last + 1)]


def powers(low: float, high: float, *, most: int = 7) -> list[Tick]:
    """Give the powers of ten within a range above zero, with 2 and 5 times them where these are few."""
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    tens = [10.0**k for k in exponents if low <= 10.0**k <= high]
    if len(tens) < 2:
        tens = [m * 10.0**k for k in exponents for m in (1.0, 2.0, 5.0) if low <= m * 10.0**k <= high]
    return [(value, compact(value)) for value in tens[:: -(-len(tens) // most) or 1]]


def times(*, start_ns: int, end_ns: int, most: int) -> list[Tick]:
    """Give at most about ``most`` round UTC times, in seconds since the start."""
    length = max((end_ns - start_ns) / SECOND, 1e-9)
    longest = _STEPS_S[-1]
    step = next((s for s in _STEPS_S if length / s <= most), longest * (1 + int(length / longest / most)))
    form = _time_form(step, length)
    first = -(-start_ns // (step * SECOND)) * step * SECOND
    return [
        ((at - start_ns) / SECOND, utc_words(at, form=form)) for at in range(first, end_ns + 1, step * SECOND)
    ]


def _time_form(step: int, length_s: float) -> str:
    if step < 60:
        return "%H:%M:%S"
    if length_s <= 1.5 * _DAY:
        return "%H:%M"
    return "%d %b" if step >= _DAY else "%d %b %H:%M"


def spread_out(places: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Move places apart to at least ``gap``, in their order and, where there is room, within 0 to ``top``."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    moved = [places[i] for i in order]
    for _ in range(60):
        for k in range(1, len(moved)):
            short = gap - (moved[k] - moved[k - 1])
            if short > 0.0:
                moved[k - 1] -= short / 2
                moved[k] += short / 2
        if moved:
            moved[0] = max(moved[0], 0.0)
            moved[-1] = min(moved[-1], top)
    back = [0.0] * len(places)
    for k, i in enumerate(order):
        back[i] = moved[k]
    return back
