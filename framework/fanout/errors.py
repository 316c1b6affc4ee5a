"""What stops a fan-out as a whole; a single call that fails is an outcome."""

from framework.errors import QuoteopsError


class FanoutError(QuoteopsError):
    """The calls cannot be spread as asked."""
