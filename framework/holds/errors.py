"""What a hold is refused for."""

from framework.errors import QuoteopsError


class HoldError(QuoteopsError):
    """Say what of a hold is missing, and what is allowed."""
