"""What the files room refuses with."""

from framework.errors import QuoteopsError


class FileError(QuoteopsError):
    """Say which file could not be read or written, and why."""


class MissingError(FileError):
    """Say that there is no file."""


class UnfitError(FileError):
    """Say that something stands in a file's place that is none, or none that is read."""


class HeldError(FileError):
    """Say that another process holds a file."""
