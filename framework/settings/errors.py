"""What the settings room refuses with."""

from framework.errors import QuoteopsError


class ConfigError(QuoteopsError):
    """Say which file, line and key of the configuration is wrong, how, and what is allowed."""
