"""What stops a soak before it has a verdict."""

from framework.errors import QuoteopsError


class SoakError(QuoteopsError):
    """The soak cannot run as asked."""
