"""What a soak says about itself in words."""

import pytest

from framework.settings.compose import compose_run
from framework.soak.text import notices, summary_text
from tests.realdata import ROOT
from tests.soak.page_cases import result


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["exchange=bybit_v5"], "| exchange | SIM | a soak simulates bybit_v5; nothing is sent to it |"),
        (["signal=model"], "| signal | PROXY | no model can be loaded yet: the proxy stands in |"),
        (
            ["soak.environment=paper"],
            "| overrides | NOT FOLLOWED | a replay follows no agent; allowed soak.clock=wall |",
        ),
        ([], None),
    ],
)
def test_what_was_asked_for_and_does_not_run_is_said(words: list[str], says: str | None) -> None:
    made = result(iterations=1)
    made.settings = compose_run(root=ROOT, words=words, environ={}).settings
    assert notices(made) == ([] if says is None else [says])


def test_the_summary_shows_both_profiles_the_matrix_and_the_next_step() -> None:
    said = summary_text(result()).splitlines()
    assert any(line.startswith("profile audit_3h: ") for line in said)
    assert any(line.startswith("profile scaled (decides): ") for line in said)
    matrix = said[said.index("decision matrix:") + 1 :]
    assert len(matrix) == 4
    assert sum(line.startswith(">") for line in matrix) == 1
    assert any(line.startswith("next: ") for line in said)
