"""What the journal refuses with."""

from framework.errors import QuoteopsError


class JournalError(QuoteopsError):
    """Say which line of which journal is wrong, how, and what is allowed."""
