"""What the edge room refuses with."""

from framework.errors import QuoteopsError


class LedgerError(QuoteopsError):
    """Say where the books of a run disagree; a run that raises this ends ERROR, never with a verdict."""


class EdgeInputError(QuoteopsError):
    """Say which file and line, or which value, an edge tool cannot read, and what is allowed."""
