"""Moments as the house writes them: in files ISO 8601 in UTC, ending in Z; for people in UTC too."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATE_FORM = "%Y-%m-%d"
MINUTE_FORM = "%Y-%m-%d %H:%M"
SECOND_FORM = "%Y-%m-%d %H:%M:%S"


def iso_utc(moment: datetime, *, timespec: str = "milliseconds") -> str:
    """Write a moment that has a time zone; ``timespec`` as ``datetime.isoformat`` takes it."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def iso_utc_ns(ns: int) -> str:
    """Write nanoseconds since the epoch, such as ``2024-07-24T03:00:00.000Z``."""
    return iso_utc(_moment(ns))


def utc_words(ns: int, *, form: str = SECOND_FORM) -> str:
    """Write nanoseconds since the epoch for people."""
    return _moment(ns).strftime(form)


def _moment(ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=int(ns) // 1_000)
