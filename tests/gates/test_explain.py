"""KPI_GATE.json: the sentence a person reads, the decision matrix, both profiles side by side."""

from typing import Any

import pytest

from framework.files.atomic import canonical_json
from framework.gates.explain import (
    build_gate,
    decision,
    hours_words,
    matrix_lines,
    next_step,
)
from framework.gates.gate import Decision, Gate
from framework.gates.profiles import Profiles
from framework.gates.totals import parse_totals
from framework.gates.verdict import Verdict
from tests.gates.kpi_cases import SHIPPED, totals


def judged(given: dict[str, Any], decides: str = "scaled") -> Gate:
    return build_gate(
        totals=parse_totals(given, where="r"),
        profiles=Profiles(SHIPPED[decides], (SHIPPED["audit_3h"], SHIPPED["scaled"])),
        runtime={"config_sha": "abc"},
        wall_clock=False,
    )


def gate(given: dict[str, Any], decides: str = "scaled") -> dict[str, Any]:
    return judged(given, decides).as_dict()


def losing(gross: float = 0.4, **costs: float) -> dict[str, Any]:
    given = totals(half=0.001, net_bps=-0.6, net_to_gross=-1.5)
    given |= {"gross_bps": gross, "cost_ranking": [{"driver": d, "bps": -bps} for d, bps in costs.items()]}
    given["intervals"]["net_to_gross"] = {"lower": -2.0, "upper": -1.0}
    return given


def test_a_cost_above_the_edge_is_said_in_one_sentence() -> None:
    found = gate(losing(adverse_bps=1.0, slippage_bps=0.3))
    assert found["verdict"] == "FAIL"
    assert found["sentence"].startswith("adverse 1 bps exceeds edge 0.4 bps: fills lose it within one second")


def test_a_cost_below_the_edge_names_what_was_kept() -> None:
    found = gate(losing(slippage_bps=0.3))
    assert found["sentence"] == (
        "net is -0.6 bps of 0.4 bps quoted, the limit is 0.12 bps, 0.3 of it; the largest cost is slippage,"
        " 0.3 bps: the mid runs away while the order rests"
    )


def test_costs_that_exceed_the_edge_only_together_are_named_together() -> None:
    found = gate(losing(adverse_bps=0.3, slippage_bps=0.25, fees_eff_bps=0.2))
    assert found["sentence"].startswith(
        "adverse 0.3 + slippage 0.25 bps exceed edge 0.4 bps: above all, fills lose"
    )


def test_quotes_without_an_edge_are_said_to_have_none() -> None:
    found = gate(losing(gross=-0.2, adverse_bps=0.3, gross_bps=0.2))
    assert found["sentence"].startswith("the quotes earned no edge, gross is -0.2 bps; net is -0.6 bps")


def test_a_failure_without_a_ranking_still_says_value_and_limit() -> None:
    given = totals(net_bps=1.0)
    assert gate(given, "audit_3h")["sentence"] == "net 1 bps, the limit is 2.5 bps"


def test_other_failures_name_metric_value_and_limit() -> None:
    assert gate(totals(cancel_ratio=0.9), "audit_3h")["sentence"] == (
        "cancel ratio 0.9 of requests is above the limit 0.65 of requests (90 %: 0.9 to 0.9)"
    )


def test_too_few_fills_say_how_long_to_wait() -> None:
    assert gate(totals(fills=20))["sentence"] == (
        "20 fills are fewer than the 30 a verdict needs; about 4.5 h of such tape would give them"
    )
    assert gate(totals() | {"fills": None})["sentence"].startswith("the report does not say how many fills")


def test_an_open_question_says_its_range_and_the_hours() -> None:
    given = totals(half=0.001)
    given["intervals"]["net_to_gross"] = {"lower": 0.18, "upper": 0.66}
    found = gate(given)
    assert found["verdict"] == "INCONCLUSIVE"
    assert found["sentence"] == (
        "net share of the quoted edge 0.42 of gross (90 %: 0.18 to 0.66) is not proven on either side of the"
        " limit 0.3 of gross; about 12 h of such tape would tell"
    )


def test_a_missing_metric_is_named() -> None:
    assert (
        "adverse p95 (adverse_u_p95) was not measured"
        in gate(totals(half=0.001) | {"adverse_u_p95": None})["sentence"]
    )


def test_a_warning_says_which_target_is_missed_or_unproven() -> None:
    assert (
        "off-target age p95 350 ms is above the target 340 ms"
        in gate(totals(order_age_p95_ms=350.0))["sentence"]
    )
    given = totals(half=0.001)
    given["intervals"]["adverse_u_p95"] = {"lower": 2.0, "upper": None}
    given["intervals"]["slippage_u_p95"] = {"lower": 0.5, "upper": 2.0}
    given["intervals"]["adverse_u_p95"]["upper"] = 4.5
    assert "adverse p95 3 unit moves is not proven to meet the target 4" in gate(given)["sentence"]


def test_a_pass_says_what_was_earned() -> None:
    assert gate(totals())["sentence"] == "every limit is met: net is 3.4 bps of 8 bps quoted over 100 fills"


def test_both_profiles_stand_side_by_side_and_the_deciding_one_sets_the_exit_code() -> None:
    given = totals(half=0.001, adverse_bps_p95=50.0)
    by_scaled, by_audit = gate(given), gate(given, "audit_3h")
    assert by_scaled["profiles"] == by_audit["profiles"]
    assert {n: p["verdict"] for n, p in by_scaled["profiles"].items()} == {
        "audit_3h": "FAIL",
        "scaled": "PASS",
    }
    assert (by_scaled["verdict"], by_scaled["exit_code"]) == ("PASS", 0)
    assert (by_audit["verdict"], by_audit["exit_code"], by_audit["reasons"]) == ("FAIL", 1, ["EDGE:adverse"])


def test_the_gate_file_holds_what_the_documents_ask_for_and_is_plain_json() -> None:
    found = gate(totals())
    assert {"verdict", "reasons", "metrics", "thresholds", "runtime", "profiles", "sentence"} <= found.keys()
    assert found["metrics"]["net_to_gross"] == 0.42
    assert found["thresholds"]["hard"]["net_to_gross"] == 0.3
    assert found["runtime"] == {"config_sha": "abc"}
    assert canonical_json(found) == canonical_json(gate(totals()))


def test_the_marker_is_the_documents_line() -> None:
    given = totals(half=0.001, adverse_u_p95=4.5, slippage_u_p95=2.0)
    assert judged(given).marker == "| kpi_gate | WARN | REASONS=EDGE:adverse,EDGE:slippage |"
    assert judged(totals()).marker == "| kpi_gate | PASS | REASONS=none |"


def decided(net: float | None, verdict: Verdict, profile: str = "audit_3h", **more: Any) -> Decision:
    given = parse_totals({"net_bps": net, **more}, where="r")
    return decision(totals=given, profile=SHIPPED[profile], verdict=verdict)


@pytest.mark.parametrize(
    ("net", "band"),
    [
        (3.0, "SUCCESS"),
        (2.99, "OK"),
        (2.8, "OK"),
        (2.79, "WARN"),
        (2.5, "WARN"),
        (2.49, "FAIL"),
        (-9.0, "FAIL"),
    ],
)
def test_the_decision_matrix_is_the_documents(net: float, band: str) -> None:
    assert decided(net, Verdict.PASS).band == band


@pytest.mark.parametrize(
    ("share", "band"), [(0.36, "SUCCESS"), (0.34, "OK"), (0.31, "WARN"), (0.29, "FAIL"), (None, "FAIL")]
)
def test_a_profile_that_judges_the_share_of_gross_has_the_matrix_in_that_unit(
    share: float | None, band: str
) -> None:
    found = decided(0.2, Verdict.PASS, "scaled", net_to_gross=share)
    assert (found.metric, found.band) == ("net_to_gross", band)


def test_the_matrix_is_written_with_a_mark_at_the_band() -> None:
    lines = matrix_lines(decided(2.9, Verdict.PASS))
    assert [line[0] for line in lines] == [" ", ">", " ", " "]
    assert "from 2.8 bps" in lines[1]
    assert "below" in lines[3]


def test_a_decision_holds_only_as_far_as_the_verdict_backs_it() -> None:
    assert decided(3.4, Verdict.PASS).holds is True
    assert decided(3.4, Verdict.INCONCLUSIVE).holds is False
    assert decided(3.4, Verdict.FAIL).holds is False
    assert decided(1.0, Verdict.FAIL).holds is True
    assert decided(None, Verdict.INCONCLUSIVE).holds is False


def test_the_next_step_is_the_matrix_or_what_stands_against_it() -> None:
    assert next_step(judged(totals())).startswith("freeze the overrides")
    assert next_step(judged(totals(cancel_ratio=0.9))) == "mend what failed first: EDGE:cancel"
    assert next_step(judged(totals(fills=20))) == "collect more evidence, about 4.5 h of tape in all"


@pytest.mark.parametrize(
    ("fills", "says"),
    [
        (0, "nothing was filled; a verdict needs 30 fills"),
        (1, "1 fill is fewer than the 30 a verdict needs; about 90 h of such tape would give them"),
    ],
)
def test_few_fills_are_said_in_grammar(fills: int, says: str) -> None:
    assert gate(totals(fills=fills))["sentence"] == says


def test_hours_beyond_a_year_are_only_called_that() -> None:
    assert hours_words(0.001) == "1 min"
    assert hours_words(0.05) == "3 min"
    assert hours_words(9.94) == "9.9 h"
    assert hours_words(8000.0) == "8,000 h"
    assert hours_words(1e9) == "more than a year"
