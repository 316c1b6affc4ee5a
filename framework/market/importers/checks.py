"""What a recording must be before it is a tape: linear or spot, in coins, understood, and not crossed."""

from collections.abc import Callable

import numpy as np

from framework.market.errors import TapeError
from framework.market.importers import decimals
from framework.market.importers.decimals import Decimals
from framework.market.importers.recording import Recording
from framework.market.instrument import refuse_inverse

FEW_CROSSED = 10
"""Crossed messages that say nothing of how a recording was read."""


def check_contract(*, recording: Recording, kind: str, multiplier: str | None) -> None:
    """Raise TapeError for what is inverse, is not known, or counts contracts of an unknown size."""
    where, symbol, venue = recording.files[0], recording.symbol, recording.venue
    if not recording.contract_known:
        refuse_inverse(symbol=symbol, where=where, margined=kind != "spot")
    if not kind:
        raise TapeError(
            f"{where}: what {symbol} of {venue} is a quantity of is not known; allowed --kind linear or spot "
            "when it is coins, with --multiplier when it is contracts"
        )
    if recording.counted and multiplier is None:
        raise TapeError(
            f"{where}: quantities of {symbol} on {venue} are contracts, not coins; "
            "allowed with --multiplier, the coins of one contract, such as 0.01"
        )


def numbers_in_coins(
    *, recording: Recording, multiplier: str | None, given: tuple[bool, bool]
) -> tuple[Decimals, Decimals]:
    """Return the numbers of levels and of trades; ``given`` tells which steps are.

    Raises TapeError when most lines were lost, or for a float's noise that would decide a step.
    """
    levels = _read(recording.level_numbers(), recording.level_place, recording.files[0], multiplier, given)
    prints = _read(recording.print_numbers(), recording.print_place, recording.files[0], multiplier, given)
    recording.refuse_not_understood()
    return levels, prints


def _read(
    numbers: Decimals,
    place: Callable[[int], str],
    file: str,
    multiplier: str | None,
    given: tuple[bool, bool],
) -> Decimals:
    parts = [Decimals(numbers.mantissa[part::2], numbers.places[part::2]) for part in (0, 1)]
    for what, known, part in zip(("price", "quantity"), given, parts, strict=True):
        row = -1 if known else decimals.noise(numbers=part)
        if row >= 0:
            value = decimals.text_of(numbers=part, row=row)
            raise TapeError(
                f"{place(row)}: {what} {value} bears the noise of a binary float, on no exchange's grid; "
                "allowed decimals as the exchange wrote them"
            )
    if multiplier is None:
        return numbers
    price, qty = parts[0], decimals.scaled(numbers=parts[1], by=multiplier, where=file)
    return Decimals(
        np.stack([price.mantissa, qty.mantissa], axis=1).ravel(),
        np.stack([price.places, qty.places], axis=1).ravel(),
    )


def refuse_crossed(*, recording: Recording) -> None:
    """Raise TapeError when most messages left the book crossed: they are not what they were read as."""
    crossed, messages = recording.faults.get("crossed_books", 0), len(recording.messages.op)
    if crossed >= FEW_CROSSED and 2 * crossed > messages:
        raise TapeError(
            f"{recording.files[0]}: the book is crossed after {crossed} of {messages} messages, so they are "
            "not what they were read as; allowed a snapshot and all updates since it, or the touch told whole"
        )
