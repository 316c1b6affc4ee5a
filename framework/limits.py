"""The ranges of the six run-time parameters, which nothing widens (spec soak_audit.md, RUNTIME_LIMITS)."""

from typing import NamedTuple


class Bound(NamedTuple):
    """Closed range of a parameter and the decimals the tuner keeps it to."""

    low: float
    high: float
    decimals: int

    def holds(self, value: float) -> bool:
        """Return whether the value lies in the range; NaN never does."""
        return self.low <= value <= self.high


MIN_INTERVAL_MS = Bound(50, 300, 0)
REPLACE_RATE_PER_MIN = Bound(120, 360, 0)
BASE_SPREAD_BPS_DELTA = Bound(0.0, 0.6, 4)
TAIL_AGE_MS = Bound(400, 1000, 0)
IMPACT_CAP_RATIO = Bound(0.04, 0.12, 4)
MAX_DELTA_RATIO = Bound(0.10, 0.20, 4)

SYMBOL = r"[\w@][\w./:+~@-]{0,63}"
"""How an instrument may be named, as venues write it: XBT/USD, BTC/USDT:USDT, btcusd, @107."""
