"""Moments as every file of the house writes them: ISO 8601 in UTC, ending in Z."""

from datetime import UTC, datetime


def iso_utc(moment: datetime, *, timespec: str = "milliseconds") -> str:
    """Write a moment that has a time zone; ``timespec`` as ``datetime.isoformat`` takes it."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
