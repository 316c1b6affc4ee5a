"""What the gates refuse with."""

from framework.errors import QuoteopsError


class KpiError(QuoteopsError):
    """Say which report, threshold or variable of a KPI gate is wrong, and what is allowed."""
