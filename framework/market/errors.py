"""What goes wrong with a tape, said on one line."""

from framework.errors import QuoteopsError


class TapeError(QuoteopsError):
    """Say where a tape, an archive or a recording is wrong, what is wrong, and what is allowed."""
