"""What the files room refuses with."""

from framework.errors import QuoteopsError


class FileError(QuoteopsError):
    """Say which file could not be read or written, and why."""


class HeldError(FileError):
    """Say that another process holds a file."""
