"""Alerts: one line of JSON on stderr, for people and for what collects logs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

from framework.files.moments import iso_utc
from framework.files.printable import one_line


class Severity(StrEnum):
    """How much an alert wants of somebody."""

    WARNING = "warning"
    """Look at it in working hours."""
    PAGE = "page"
    """Look at it now."""
    INFO = "info"
    """It is over."""


def alert(
    *,
    name: str,
    severity: Severity,
    text: str,
    stream: TextIO | None = None,
    now: datetime | None = None,
    **more: Any,
) -> None:
    """Write one alert; ``more`` are plain values that say what it is about."""
    line = {
        "at": iso_utc(now or datetime.now(UTC)),
        "alert": name,
        "severity": severity.value,
        "text": one_line(text),
        **more,
    }
    print(json.dumps(line, ensure_ascii=False), file=stream or sys.stderr, flush=True)
