"""Both profiles side by side, in words."""

from dataclasses import replace

from framework.gates.explain import build_gate
from framework.gates.gate import Gate
from framework.gates.profiles import Profiles
from framework.gates.totals import parse_totals
from framework.gates.verdict import Verdict
from framework.soak.kpi_text import profile_lines, profile_table
from tests.gates.kpi_cases import SHIPPED, totals


def gate() -> Gate:
    given = parse_totals(totals(half=0.001, adverse_bps_p95=50.0), where="r")
    profiles = Profiles(SHIPPED["scaled"], (SHIPPED["audit_3h"],))
    return build_gate(totals=given, profiles=profiles, runtime={}, wall_clock=False)


def test_each_profile_is_a_line_and_the_deciding_one_is_marked() -> None:
    assert profile_lines(gate()) == ["profile audit_3h: FAIL EDGE:adverse", "profile scaled (decides): PASS"]


def test_reasons_of_another_verdict_than_the_profiles_say_theirs() -> None:
    made = gate()
    judged = made.profiles["audit_3h"]
    rows = tuple(
        replace(row, verdict=Verdict.WARN) if row.verdict is not Verdict.FAIL else row for row in judged.rows
    )
    warned = replace(judged, rows=rows, reasons=("EDGE:adverse", "EDGE:net"))
    made = replace(made, profiles={**made.profiles, "audit_3h": warned})
    assert profile_lines(made)[0] == "profile audit_3h: FAIL EDGE:adverse; WARN EDGE:net"


def test_every_metric_stands_beside_both_profiles_limits() -> None:
    head, rows = profile_table(gate())
    assert head == ["metric", "measured", "90 %", "audit_3h", "scaled (decides)"]
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["net_bps"][2:] == ["PASS: limit ≥ 2.5, target ≥ 2.8", "not judged"]
    assert by_name["cancel_ratio"] == [
        "0.4 of requests",
        "0.3996 to 0.4004",
        "PASS: limit ≤ 0.65",
        "PASS: limit ≤ 0.65",
    ]
    assert by_name["**verdict**"] == ["", "", "**FAIL**", "**PASS**"]
