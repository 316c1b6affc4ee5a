"""What the tick reads besides the market and its parameters: the account, the exposure, the signal."""

from __future__ import annotations

from framework.compiled.records import f8, i8, record

# what the account may do: everything, only what brings positions towards zero, nothing
TRADING = 0
REDUCING = 1
HALTED = 2

# who says where the price goes
PROXY = 0
MODEL = 1


@record
class Account:
    """The account that every symbol shares, as the last tick of any of them left it.

    ``loss_halted`` and ``trading_state`` hold for all; ``day_loss`` counts from where each symbol began.
    """

    free_balance: f8
    equity: f8
    equity_open: f8
    day_loss: f8
    loss_halted: i8
    trading_state: i8


@record
class Exposure:
    """What one symbol holds: position, liquidation price (0: not known), funding paid since the start.

    ``elsewhere_loss`` and ``elsewhere_margin`` are what the account's other symbols have lost and bind.
    """

    position: f8
    liq_price: f8
    funding: f8
    elsewhere_loss: f8
    elsewhere_margin: f8


@record
class Signal:
    """Where the price is said to go: ``score`` is 2P(up) - 1. The proxy writes it at every tick, a model when
    it has news.
    """

    score: f8
    computed_ns: i8
    model_version: i8
    usable: i8
