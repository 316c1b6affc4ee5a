"""The five verdicts, the exit code of each, and how several become one."""

from collections.abc import Iterable
from enum import Enum


class Verdict(Enum):
    """What the evidence says; ERROR means that there is none because the run broke."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"

    @property
    def exit_code(self) -> int:
        """Return the exit code: 0 pass or warn, 1 fail, 2 could not run, 3 inconclusive."""
        return EXIT_CODES[self]

    @property
    def accepted(self) -> bool:
        """Tell whether the verdict lets a change through."""
        return self in (Verdict.PASS, Verdict.WARN)


EXIT_CODES = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.FAIL: 1, Verdict.ERROR: 2, Verdict.INCONCLUSIVE: 3}

# A proven failure stays one whatever else is unknown; something unknown outweighs any number of passes.
_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.WARN, Verdict.PASS)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict: ERROR, FAIL, INCONCLUSIVE, WARN, PASS; of none, INCONCLUSIVE."""
    present = set(verdicts)
    return next((v for v in _WORST_FIRST if v in present), Verdict.INCONCLUSIVE)
