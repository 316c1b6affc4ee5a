"""What one unit of a quantity is, by venue and symbol: a coin, a contract, or something no tape can hold.

The venues are those of docs.tardis.dev; a symbol that no rule knows is refused until ``--kind`` tells.
"""

import re
from typing import NamedTuple

from framework.market.errors import TapeError

SPOT, LINEAR, COUNTED = "spot", "linear", "counted"
INVERSE, QUANTO, OPTION, SPREAD = "inverse", "quanto", "option", "spread"
REFUSED = {
    INVERSE: "is an inverse contract, whose profit is in the base coin",
    QUANTO: "is a quanto contract, whose profit is in a third coin",
    OPTION: "is an option",
    SPREAD: "is a spread of two instruments",
}
SPOT_VENUES = (
    "ascendex", "binance", "binance-dex", "binance-jersey", "binance-us", "bitfinex", "bitget", "bitstamp",
    "blockchain-com", "bullish", "bybit-spot", "coinbase", "coinflex", "crypto-com", "ftx-us", "gate-io",
    "gemini", "hitbtc", "huobi", "kraken", "kucoin", "okcoin", "okex", "poloniex", "serum", "star-atlas",
    "upbit",
)  # fmt: skip
MONTH = r"[FGHJKMNQUVXZ]\d\d"
DAY = r"\d{1,2}[A-Z]{3}\d\d"
RULES: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(SPOT_VENUES, ((r"[-_]PERP$", LINEAR), (r"-SWAP-LIN$", LINEAR), (r"", SPOT))),
    "binance-delivery": ((r"", INVERSE),),
    "binance-european-options": ((r"", OPTION),),
    "binance-futures": ((r"USD(_|$)", INVERSE), (r"", LINEAR)),
    "binance-options": ((r"", OPTION),),
    "bitfinex-derivatives": ((r":USTF0$", LINEAR),),
    "bitflyer": ((r"^FX_", LINEAR), (r"^[A-Z]+_[A-Z]+$", SPOT)),
    "bitget-futures": (
        (r"USD(_DMCBL)?$|USD" + MONTH, INVERSE), (r"(USDT|USDC|PERP)(_[US]?U?MCBL|_CMCBL)?$", LINEAR),
    ),
    "bitmex": ((r"USD[TC]$|_", COUNTED), (r"^XBT(USD|" + MONTH + ")$", INVERSE), (r"", QUANTO)),
    "bitnomial": ((r"", COUNTED),),
    "bybit": (
        (r"-[CP](-|$)", OPTION), (r"USD(" + MONTH + r")?$", INVERSE),
        (r"(USDT|USDC|PERP)$|^[A-Z0-9]+(USDT)?-" + DAY + "$", LINEAR),
    ),
    "bybit-options": ((r"", OPTION),),
    "coinbase-international": ((r"-PERP$", LINEAR), (r"-USDC?$", SPOT)),
    "crypto-com": ((r"-PERP$|-\d{6}$", LINEAR), (r"_", SPOT)),
    "cryptofacilities": ((r"^[PF]F_", LINEAR), (r"^PV_", QUANTO), (r"", INVERSE)),
    "delta": ((r"^[CP]-", OPTION), (r"USDT$", COUNTED), (r"USD$", INVERSE)),
    "deribit": (
        (r"-[CP]$", OPTION), (r"-FS-", SPREAD), (r"_USD[CT]-(PERPETUAL|" + DAY + ")$", LINEAR),
        (r"^[A-Z0-9]+_[A-Z]+$", SPOT), (r"", INVERSE),
    ),
    "dydx": ((r"", LINEAR),),
    "dydx-v4": ((r"", LINEAR),),
    "ftx": ((r"/", SPOT), (r"-(PERP|\d{4}|\d{8})$", LINEAR)),
    "gate-io-futures": ((r"_USD(_|$)", INVERSE), (r"_USDT", COUNTED)),
    "huobi-dm": ((r"", INVERSE),),
    "huobi-dm-linear-swap": ((r"-[CP]-", OPTION), (r"", COUNTED)),
    "huobi-dm-options": ((r"", OPTION),),
    "huobi-dm-swap": ((r"", INVERSE),),
    "hyperliquid": ((r"/|^@", SPOT), (r"", LINEAR)),
    "kucoin-futures": ((r"USD[CT]M$", COUNTED), (r"USDM$|M" + MONTH + "$", INVERSE)),
    "mango": ((r"-PERP$", LINEAR), (r"/", SPOT)),
    "okex-futures": ((r"-USD-", INVERSE), (r"-USD(T|C|_UM)-", COUNTED)),
    "okex-options": ((r"", OPTION),),
    "okex-spreads": ((r"", SPREAD),),
    "okex-swap": ((r"-USD-", INVERSE), (r"-USD(T|C|_UM)-", COUNTED)),
    "phemex": ((r"^s", SPOT), (r"USD[TC]$|^u", COUNTED), (r"USD$", INVERSE)),
    "woo-x": ((r"^SPOT_", SPOT), (r"^PERP_", LINEAR)),
}  # fmt: skip


class Contract(NamedTuple):
    """Say what trades: spot or linear, empty where nobody knows; and whether quantities are contracts."""

    kind: str
    counted: bool


def contract_of(*, exchange: str, symbol: str, where: str) -> Contract:
    """Return what an exchange's symbol is; raises TapeError for one whose profit a tape cannot hold."""
    for pattern, kind in RULES.get(exchange, ()):
        if re.search(pattern, symbol):
            if kind in REFUSED:
                raise TapeError(
                    f"{where}: {symbol} {REFUSED[kind]} ({exchange}); allowed linear contracts and spot"
                )
            return Contract(LINEAR if kind == COUNTED else kind, kind == COUNTED)
    return Contract("", counted=False)
