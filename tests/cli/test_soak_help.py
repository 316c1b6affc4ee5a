"""What ``quoteops soak --help`` says of exit codes is what the command does."""

from __future__ import annotations

import re

from framework.cli.soak_help import usage
from framework.gates.comparison import Answer


def test_the_exit_codes_of_a_sweep_are_those_of_its_leaders_comparison() -> None:
    said = " ".join(usage().partition("Of a sweep")[2].split())
    assert "its leader" in said
    for answer in (Answer.BETTER, Answer.WORSE, Answer.TOO_QUIET, Answer.INCONCLUSIVE):
        assert re.search(rf"\b{answer.exit_code} [A-Z ]*(or )?{answer.words}\b|or {answer.words}\b", said)
