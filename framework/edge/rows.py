"""Trades, quotes and audit events as JSON lines: read with the place of every fault, write from a window."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.edge.errors import EdgeInputError
from framework.edge.window import Rows
from framework.files.atomic import read_text
from framework.files.hints import did_you_mean
from framework.market.records import REJECT_NAMES, ROUTE_NAMES
from framework.quoting.records import (
    ACTION_NAMES,
    AT_LIMIT,
    BLOCK,
    BLOCK_NAMES,
    CANCEL_QUOTE,
    HALT,
    POSITION_LIMIT,
    REJECT,
    RISK,
    WITHHELD_NAMES,
)
from framework.units import MS

SIDES = {"B": 1, "S": -1}
LIMIT_NAME = WITHHELD_NAMES[POSITION_LIMIT]
BATCH = 4096
"""Rows turned into plain values at a time."""


@dataclass(frozen=True)
class TradeRow:
    """One fill: side +1 buy or -1 sell, mids around it; ``mid_after_1s`` is None when it lies past the end.

    ``mid_at_quote`` is the mid at the decision that set the price, None when the writer did not know it.
    ``fee_bps`` is positive for a cost.
    """

    symbol: str
    ts_ms: int
    side: int
    price: float
    qty: float
    mid_before: float
    mid_after_1s: float | None
    fee_bps: float
    mid_at_quote: float | None


@dataclass(frozen=True)
class QuoteRow:
    """The best bid and ask of a symbol from a moment on."""

    symbol: str
    ts_ms: int
    best_bid: float
    best_ask: float


@dataclass(frozen=True)
class AuditRow:
    """One thing the quoter did or was kept from doing; a block row stands for ``count`` ticks.

    ``at_limit``: the side was at its position limit. The log calls that a risk block, as the documents have
    no other word for it, with ``"detail": "position_limit"``.
    """

    action: str
    blocked_reason: str | None
    count: int
    off_target_age_ms: float | None
    at_limit: bool = False


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ("file:line", object) for each line that is not blank.

    Raises EdgeInputError for a line that is not a JSON object or holds NaN, infinity or an overflowing
    number, and FileError for a file that cannot be read.
    """
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield where, parse_object(text=line, where=where)


def parse_object(*, text: str, where: str) -> dict[str, Any]:
    """Parse one JSON object with finite numbers only. Raises EdgeInputError with ``where``."""

    def refuse(constant: str) -> float:
        raise EdgeInputError(f"{where}: {constant} is not a JSON number; allowed finite numbers and null")

    def finite_number(digits: str) -> float:
        number = float(digits)
        return number if math.isfinite(number) else refuse(digits)

    try:
        value = json.loads(text, parse_constant=refuse, parse_float=finite_number)
    except (json.JSONDecodeError, RecursionError) as error:
        what = error.msg if isinstance(error, json.JSONDecodeError) else "is nested too deeply"
        raise EdgeInputError(f"{where}: is not JSON ({what}); allowed one JSON object") from error
    if not isinstance(value, dict):
        raise EdgeInputError(f"{where}: is a JSON {type(value).__name__}; allowed an object")
    return value


def read_trades(path: Path) -> list[TradeRow]:
    """Read a trades file; raises EdgeInputError naming file, line and field."""
    rows = []
    for where, row in read_json_lines(path):
        side = str(row.get("side", ""))[:1].upper()
        if side not in SIDES:
            raise EdgeInputError(f"{where}: side is {row.get('side')!r}; allowed B or S")
        price, qty = _number(row, "price", where), _number(row, "qty", where)
        if price <= 0.0 or qty <= 0.0:
            raise EdgeInputError(f"{where}: price is {price} and qty {qty}; both must be positive")
        rows.append(
            TradeRow(
                symbol=_symbol(row, where),
                ts_ms=_time(row, where),
                side=SIDES[side],
                price=price,
                qty=qty,
                mid_before=_number(row, "mid_before", where),
                mid_after_1s=_number_or_null(row, "mid_after_1s", where),
                fee_bps=_number(row, "fee_bps", where) if "fee_bps" in row else 0.0,
                mid_at_quote=_number_or_null(row, "mid_at_quote", where) if "mid_at_quote" in row else None,
            )
        )
    return rows


def read_quotes(path: Path) -> list[QuoteRow]:
    """Read a quotes file; raises EdgeInputError naming file, line and field. A side may be 0: not quoted."""
    rows = []
    for where, row in read_json_lines(path):
        rows.append(
            QuoteRow(
                symbol=_symbol(row, where),
                ts_ms=_time(row, where),
                best_bid=_number(row, "best_bid", where),
                best_ask=_number(row, "best_ask", where),
            )
        )
    return rows


def read_audit(path: Path) -> list[AuditRow]:
    """Read an audit file; raises EdgeInputError for an unknown action or block reason."""
    actions = (*ACTION_NAMES.values(), "FILL")
    rows = []
    for where, row in read_json_lines(path):
        action, reason = row.get("action"), row.get("blocked_reason")
        if action not in actions:
            near = did_you_mean(str(action), actions)
            raise EdgeInputError(f"{where}: action is {action!r}; allowed {', '.join(actions)}{near}")
        if reason is not None and reason not in BLOCK_NAMES.values():
            allowed = ", ".join(BLOCK_NAMES.values())
            raise EdgeInputError(f"{where}: blocked_reason is {reason!r}; allowed {allowed}, null")
        count = row.get("count", 1)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise EdgeInputError(f"{where}: count is {count!r}; allowed whole numbers from 0")
        age = _number_or_null(row, "off_target_age_ms", where) if "off_target_age_ms" in row else None
        at_limit = reason is not None and row.get("detail") == LIMIT_NAME
        rows.append(AuditRow(action, reason, count, age, at_limit))
    return rows


def trade_rows(*, symbol: str, fills: Rows, config_shas: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield fills as the plain rows ``read_trades`` reads, each with the settings that quoted it.

    ``config_shas`` are the hashes of the versions of the parameters, in order.
    """
    names = (
        "exch_ts_ns", "side", "price", "qty", "m0", "m", "m_1s", "fee_quote", "fee_base", "is_maker",
        "order_id", "params_version", "route",
    )  # fmt: skip
    for at, side, price, qty, m0, m, later, fee_quote, fee_base, maker, order, version, route in _values(
        fills, names
    ):
        yield {
            "symbol": symbol,
            "ts_ms": at // MS,
            "side": "B" if side > 0 else "S",
            "price": price,
            "qty": qty,
            "mid_at_quote": m0,
            "mid_before": m,
            "mid_after_1s": later if math.isfinite(later) else None,
            "fee_bps": (fee_quote + fee_base * m) / (price * qty) * 1e4,
            "maker": bool(maker),
            "order_id": order,
            "params_version": version,
            "config_sha": config_shas[version],
            "route": ROUTE_NAMES[route],
        }


def audit_rows(*, symbol: str, audit: Rows) -> Iterator[dict[str, Any]]:
    """Yield a symbol's audit events as the rows ``read_audit`` reads; ``detail`` says why, in a word."""
    details = {CANCEL_QUOTE: WITHHELD_NAMES, HALT: WITHHELD_NAMES, REJECT: REJECT_NAMES}
    names = (
        "ts_ns", "action", "side", "reason", "count", "order_id", "price_ticks", "qty_lots",
        "off_target_age_ns", "resting_age_ns", "params_version", "route",
    )  # fmt: skip
    for at, action, side, reason, count, order, price, qty, off_target, resting, version, route in _values(
        audit, names
    ):
        blocked = action == BLOCK
        at_limit = blocked and reason == AT_LIMIT
        yield {
            "ts_ms": at // MS,
            "symbol": symbol,
            "action": ACTION_NAMES[action],
            "side": "B" if side > 0 else "S" if side < 0 else None,
            "blocked_reason": BLOCK_NAMES[RISK if at_limit else reason] if blocked else None,
            "detail": LIMIT_NAME if at_limit else details.get(action, {}).get(reason),
            "count": max(count, 1),
            "order_id": order,
            "price_ticks": price,
            "qty_lots": qty,
            "off_target_age_ms": _age_ms(off_target),
            "resting_age_ms": _age_ms(resting),
            "params_version": version,
            "route": ROUTE_NAMES[route],
        }


def _values(rows: Rows, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield fields of structured rows as plain values, a batch read at a time."""
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        yield from zip(*(batch[name].tolist() for name in names), strict=True)


def _age_ms(ns: int) -> float | None:
    return None if ns < 0 else float(ns) / MS


def _symbol(row: Mapping[str, Any], where: str) -> str:
    symbol = row.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise EdgeInputError(f"{where}: symbol is {symbol!r}; allowed a name")
    return symbol


def _time(row: Mapping[str, Any], where: str) -> int:
    value = row.get("ts_ms")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EdgeInputError(f"{where}: ts_ms is {value!r}; allowed a time in milliseconds")
    return int(value)


def _number_or_null(row: Mapping[str, Any], name: str, where: str) -> float | None:
    return None if name in row and row[name] is None else _number(row, name, where)


def _number(row: Mapping[str, Any], name: str, where: str) -> float:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = "missing" if name not in row else repr(value)
        raise EdgeInputError(f"{where}: {name} is {shown}; allowed a finite number")
    try:
        return float(value)
    except OverflowError as error:
        raise EdgeInputError(f"{where}: {name} is too large; allowed a finite number") from error
