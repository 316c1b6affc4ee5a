"""Decimal texts as exact integers: parse in bulk, find the grid they lie on, count in its steps."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError

MAX_DIGITS = 18
NOISY = 10**15
"""Mantissas from here on have more digits than a float keeps."""
TELLING = 10
"""Digits that a price or a quantity has at most, when the rest is what a float added."""
TEN = 10 ** np.arange(MAX_DIGITS + 1, dtype=np.int64)


class Decimals(NamedTuple):
    """Hold numbers as ``mantissa / 10**places``, exactly."""

    mantissa: NDArray[np.int64]
    places: NDArray[np.int8]


def parse(*, texts: Sequence[str]) -> Decimals:
    """Parse non-negative decimals such as ``"28145.10"`` exactly; raises ValueError when one is malformed."""
    if not texts:
        return Decimals(np.zeros(0, np.int64), np.zeros(0, np.int8))
    joined = "\n".join(texts)
    if "e" in joined or "E" in joined:
        try:
            texts = [format(Decimal(text), "f") for text in texts]
        except InvalidOperation as error:
            raise ValueError("not a decimal") from error
        joined = "\n".join(texts)
    return parse_lines(lines=joined.encode("ascii"), count=len(texts))


def parse_lines(*, lines: bytes, count: int) -> Decimals:
    """Parse so many decimals without exponent, one a line; raises ValueError when one is malformed."""
    data = np.frombuffer(lines, np.uint8)
    plain = ((data >= ord("0")) & (data <= ord("9"))) | (data == ord(".")) | (data == ord("\n"))
    ends = np.append(np.flatnonzero(data == ord("\n")), len(data))
    lengths = np.diff(ends, prepend=-1) - 1
    dots = np.flatnonzero(data == ord("."))
    owner = np.searchsorted(ends, dots)
    places = np.zeros(len(ends), np.int64)
    places[owner] = ends[owner] - dots - 1
    dotted = np.bincount(owner, minlength=len(ends))
    digits = lengths - dotted
    if not plain.all() or len(ends) != count or (dotted > 1).any() or (digits < 1).any():
        raise ValueError("not a decimal")
    if (digits > MAX_DIGITS).any():
        raise ValueError(f"more than {MAX_DIGITS} digits")
    mantissa = np.fromstring(lines.replace(b".", b""), dtype=np.int64, sep="\n")
    return shortest(numbers=Decimals(mantissa, places.astype(np.int8)))


def tidy(*, value: object) -> str | None:
    """Return a number as decimal text that can be kept exactly; None for what is none.

    Integers are what JSON numbers without a fraction are read as; zeros that fill a column up go.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    if "." in text and len(text) > MAX_DIGITS:
        text = text.rstrip("0") or "0"
    try:
        parse(texts=[text])
    except ValueError:
        return None
    return text


def scaled(*, numbers: Decimals, by: str, where: str) -> Decimals:
    """Return numbers times a factor, exactly; raises TapeError for no factor, or too many digits."""
    try:
        factor = parse(texts=[by])
    except ValueError as error:
        raise TapeError(f"--multiplier is {by}; allowed a decimal above 0 ({error})") from error
    if not factor.mantissa[0]:
        raise TapeError(f"--multiplier is {by}; allowed a decimal above 0")
    times = int(factor.mantissa[0])
    if int(numbers.mantissa.max(initial=0)) * times >= 10**MAX_DIGITS:
        raise TapeError(f"{where}: a quantity times {by} has more than {MAX_DIGITS} digits")
    return shortest(numbers=Decimals(numbers.mantissa * times, numbers.places + factor.places[0]))


def noise(*, numbers: Decimals) -> int:
    """Return the row of the first number that a binary float has been at (0.30000000000000004), -1 for none.

    It has 16 digits or more, of which the first few say all, and more places than all others.
    """
    rows = np.flatnonzero(numbers.mantissa >= NOISY)
    odd = [row for row in rows.tolist() if _is_noisy(int(numbers.mantissa[row]))]
    if not odd:
        return -1
    rest = np.setdiff1d(np.flatnonzero(numbers.mantissa > 0), odd)
    fine = int(numbers.places[rest].max(initial=0))
    return next((row for row in odd if numbers.places[row] > fine), -1)


def text_of(*, numbers: Decimals, row: int) -> str:
    """Return one number as it was written."""
    return f"{Decimal(int(numbers.mantissa[row])).scaleb(-int(numbers.places[row])):f}"


def _is_noisy(mantissa: int) -> bool:
    digits = len(str(mantissa))
    near = round(mantissa, 15 - digits)
    return len(str(near).rstrip("0")) <= TELLING


def shortest(*, numbers: Decimals) -> Decimals:
    """Strip trailing zeros after the decimal point."""
    mantissa, places = numbers.mantissa.copy(), numbers.places.copy()
    places[mantissa == 0] = 0
    while True:
        divisible = (places > 0) & (mantissa % 10 == 0)
        if not divisible.any():
            return Decimals(mantissa, places)
        mantissa[divisible] //= 10
        places[divisible] -= 1


def from_floats(*, values: NDArray[np.float64]) -> Decimals:
    """Return the shortest decimals that floats stand for; raises ValueError for one with more than 12
    places.
    """
    mantissa = np.zeros(len(values), np.int64)
    places = np.full(len(values), -1, np.int8)
    if not np.isfinite(values).all() or (values < 0).any() or (values >= 2**52).any():
        raise ValueError("not a finite positive number")
    for digits in range(13):
        left = np.flatnonzero(places < 0)
        if not len(left):
            break
        scaled = values[left] * float(10**digits)
        whole = np.rint(scaled)
        near = (np.abs(scaled - whole) <= np.maximum(np.abs(scaled) * 1e-15, 1e-9)) & (whole < 2**52)
        near &= (whole > 0) | (values[left] == 0)
        mantissa[left[near]] = whole[near].astype(np.int64)
        places[left[near]] = digits
    if (places < 0).any():
        raise ValueError("more than 12 places")
    return Decimals(mantissa, places)


def join(*, parts: Sequence[Decimals]) -> Decimals:
    """Concatenate."""
    return Decimals(
        np.concatenate([np.zeros(0, np.int64), *(part.mantissa for part in parts)]),
        np.concatenate([np.zeros(0, np.int8), *(part.places for part in parts)]),
    )


def grid(*, numbers: Decimals, what: str, where: str) -> str:
    """Return the largest step that divides every number, as a decimal string; raises TapeError without
    numbers.
    """
    used = numbers.mantissa > 0
    if not used.any():
        raise TapeError(f"{where}: no {what} above 0 to infer its step from; give --tick and --lot")
    mantissa, places = numbers.mantissa[used], numbers.places[used].astype(np.int64)
    most = int(places.max())
    step = 0
    for count in np.unique(places):  # one gcd a precision, joined in Python's unbounded integers
        part = int(np.gcd.reduce(mantissa[places == count])) * 10 ** (most - int(count))
        step = math.gcd(step, part)
    text = format(Decimal(step).scaleb(-most), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def count_steps(*, numbers: Decimals, step: str, what: str, place: Callable[[int], str]) -> NDArray[np.int64]:
    """Return numbers / step; raises TapeError naming the place of the first that is not a multiple."""
    _sign, digits, exponent = Decimal(step).normalize().as_tuple()
    unit = int("".join(map(str, digits)))
    scale = -int(exponent)  # the step is unit / 10**scale
    shift = scale - numbers.places.astype(np.int64)
    wide = float(numbers.mantissa.max(initial=0)) * 10.0 ** float(shift.max(initial=0)) >= 2**62
    if wide:
        return _count_slowly(numbers=numbers, step=step, what=what, place=place)
    up = numbers.mantissa * TEN[np.clip(shift, 0, MAX_DIGITS)]
    down = TEN[np.clip(-shift, 0, MAX_DIGITS)] * unit
    steps, rest = np.divmod(up, down)
    if rest.any():
        _refuse(numbers=numbers, row=int(np.argmax(rest != 0)), step=step, what=what, place=place)
    return steps


def _count_slowly(
    *, numbers: Decimals, step: str, what: str, place: Callable[[int], str]
) -> NDArray[np.int64]:
    steps = np.zeros(len(numbers.mantissa), np.int64)
    for row, (mantissa, places) in enumerate(zip(numbers.mantissa, numbers.places, strict=True)):
        count = Decimal(int(mantissa)).scaleb(-int(places)) / Decimal(step)
        if count != int(count) or count >= 2**63:
            _refuse(numbers=numbers, row=row, step=step, what=what, place=place)
        steps[row] = int(count)
    return steps


def _refuse(*, numbers: Decimals, row: int, step: str, what: str, place: Callable[[int], str]) -> None:
    value = text_of(numbers=numbers, row=row)
    raise TapeError(f"{place(row)}: {what} {value} does not fit; allowed multiples of {step}")
