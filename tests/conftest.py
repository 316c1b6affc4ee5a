"""What every test shares: hypothesis draws the same examples in every run and never judges by the clock; and
each run ends with why tests skipped.
"""

from collections import Counter
from typing import Any

from hypothesis import settings

settings.register_profile("house", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("house")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say why tests skipped, a line a reason with the number of tests."""
    found = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    why = Counter(said[2].removeprefix("Skipped: ") for said in found if isinstance(said, tuple))
    for reason, count in why.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
