"""A session's journal in a file: a request is on the disk before it leaves, so that a kill loses none.

A line of JSON a row. Requests are flushed to the disk; what is heard is only written: the exchange has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from framework.compiled.records import dtype_of
from framework.files.atomic import canonical_json
from framework.files.log import Log, whole_lines
from framework.market.records import (
    ACCEPTED,
    AMEND,
    AMEND_REJECTED,
    AMENDED,
    CANCEL,
    CANCEL_REJECTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    NEW,
    REJECTED,
    UNKNOWN,
    Report,
    Request,
)
from framework.session.errors import SoakError
from framework.session.memory import KEPT, Memory
from framework.session.reconcile import Known, Reconciled
from framework.venue.gateway import Execution, ReportRow, RequestRow

INTENTS = "edge/intents.jsonl"
"""Where a run keeps its journal."""
TAIL_SHOWN = 2_000
"""How much of a torn line the row that takes its place keeps."""
BEGUN, ASKED, HEARD, FOUND, TORN = "begun", "asked", "heard", "found", "torn"
ACTIONS = {NEW: "new", AMEND: "amend", CANCEL: "cancel"}
KINDS = {
    ACCEPTED: "accepted",
    AMENDED: "amended",
    CANCELLED: "cancelled",
    FILLED: "filled",
    REJECTED: "rejected",
    AMEND_REJECTED: "amend_rejected",
    CANCEL_REJECTED: "cancel_rejected",
    EXPIRED: "expired",
    UNKNOWN: "unknown",
}
OF_REQUEST = (
    "sent_ns", "order_id", "link_id", "side", "order_kind", "price_ticks", "qty_lots", "reduce_only", "route",
)  # fmt: skip
OF_REPORT = (
    "exch_ts_ns", "order_id", "link_id", "exec_id", "side", "price_ticks", "qty_lots", "leaves_lots",
    "fee_quote", "fee_base", "reason", "route",
)  # fmt: skip


class FileJournal:
    """A journal that outlives its process; one that is there already is gone on with.

    ``lots`` is the size of a lot by symbol. Raises FileError, and SoakError for a file that is no journal of
    these symbols.
    """

    def __init__(self, path: Path, *, lots: dict[str, float], kept: int = KEPT) -> None:
        self._log = Log(path, sealed=_torn)
        try:
            self._memory = Memory(lots=lots, kept=kept)
            begun = replay_into(self._memory, path, lots=lots)
            if not begun:
                self._log.append(_line({"row": BEGUN, "lots": lots}), durable=True)
        except BaseException:
            self._log.close()
            raise

    def intend(self, requests: Sequence[RequestRow]) -> None:
        """Write requests to the disk; raises FileError when it refuses, and then they may not be sent."""
        self._log.append(b"".join(map(_asked, requests)), durable=True)
        for request in requests:
            self._memory.intend(request)

    def hear(self, reports: Sequence[ReportRow]) -> list[ReportRow]:
        """Write down what is new and give it."""
        heard = [(report, noted) for report in reports if (noted := self._memory.hear(report)) is not None]
        if heard:
            self._log.append(b"".join(_heard(report) for report, _ in heard), durable=False)
        return [noted for _, noted in heard]

    def reconciled(self, decision: Reconciled) -> None:
        """Write down what was found at the exchange."""
        fills = [asdict(fill) for fill in decision.missed]
        row = {"row": FOUND, "missed": fills, "gone": decision.gone, "positions": dict(decision.positions)}
        self._log.append(_line(row), durable=True)
        self._memory.reconciled(decision)

    def known(self) -> Known:
        """Give what is known."""
        return self._memory.known()

    def close(self) -> None:
        """Give the file back."""
        self._log.close()


def read_journal(path: Path) -> Known:
    """Give what the journal of a session that is over knows.

    A torn line is sealed. Raises FileError, also when the session still runs, and SoakError.
    """
    log = Log(path, sealed=_torn)
    try:
        begun = (row["lots"] for _, row in _rows(path) if row["row"] == BEGUN)
        lots: dict[str, float] = next(begun, {})
        memory = Memory(lots=lots)
        replay_into(memory, path, lots=lots)
        return memory.known()
    finally:
        log.close()


def replay_into(memory: Memory, path: Path, *, lots: Mapping[str, float]) -> bool:
    """Let a memory hear a journal anew; tell whether there was one."""
    begun = False
    for where, row in _rows(path):
        try:
            if row["row"] == BEGUN:
                begun = True
                if row["lots"] != lots:
                    raise SoakError(f"{where}: is of {row['lots']}; allowed {dict(lots)}")
            elif row["row"] == ASKED:
                memory.intend(RequestRow(row["symbol"], _record(Request, OF_REQUEST, row, "action", ACTIONS)))
            elif row["row"] == HEARD:
                memory.hear(ReportRow(row["symbol"], _record(Report, OF_REPORT, row, "report_kind", KINDS)))
            elif row["row"] == FOUND:
                memory.reconciled(_decision(row))
        except (KeyError, TypeError, ValueError) as error:
            raise SoakError(f"{where}: is no row of a session's journal ({error})") from error
    return begun


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(whole_lines(path), start=1):
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SoakError(f"{where}: is not JSON; the journal was changed") from error
        if not isinstance(row, dict) or row.get("row") not in (BEGUN, ASKED, HEARD, FOUND, TORN):
            raise SoakError(f"{where}: is no row of a session's journal")
        yield where, row


def _decision(row: Mapping[str, Any]) -> Reconciled:
    missed = tuple(Execution(**fill) for fill in row["missed"])
    gone = tuple((symbol, order) for symbol, order in row["gone"])
    return Reconciled(missed=missed, open=(), gone=gone, positions=row["positions"])


def _record(
    kind: type[Any], names: Sequence[str], row: Mapping[str, Any], word: str, words: dict[int, str]
) -> Any:
    made = np.zeros(1, dtype_of(kind))
    for name in names:
        made[name] = row[name]
    made[word] = {text: code for code, text in words.items()}[row[word]]
    return made[0]


def _asked(request: RequestRow) -> bytes:
    fields = {name: request.row[name].item() for name in OF_REQUEST}
    action = ACTIONS[int(request.row["action"])]
    return _line({"row": ASKED, "symbol": request.symbol, "action": action, **fields})


def _heard(report: ReportRow) -> bytes:
    fields = {name: report.row[name].item() for name in OF_REPORT}
    kind = KINDS[int(report.row["report_kind"])]
    return _line({"row": HEARD, "symbol": report.symbol, "report_kind": kind, **fields})


def _torn(tail: bytes) -> bytes:
    text = tail.decode(errors="replace")[:TAIL_SHOWN]
    return _line({"row": TORN, "bytes": len(tail), "text": text})


def _line(row: Mapping[str, Any]) -> bytes:
    return (canonical_json(row) + "\n").encode()
