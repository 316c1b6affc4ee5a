"""``quoteops kpi``: judge an edge report against a KPI profile."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.cli.words import Parser
from framework.files.atomic import canonical_json, read_text, write_json


def run(argv: Sequence[str]) -> int:
    """Run ``kpi check``; 0 pass or warn, 1 fail, 2 could not run, 3 inconclusive."""
    parser = Parser(prog="quoteops kpi", description="Judge an edge report against a KPI profile.")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    check = verbs.add_parser(
        "check",
        help="judge a report and end with the verdict's exit code",
        description="Judge a report. KPI_* variables and kpi.hard.<metric>=<number> words change thresholds.",
    )
    check.add_argument(
        "--report",
        type=Path,
        required=True,
        action="append",
        metavar="F",
        help="edge report; repeat, oldest first",
    )
    check.add_argument(
        "--profile", default="scaled", metavar="P", help="file of conf/kpi that decides (scaled)"
    )
    check.add_argument("--out-json", type=Path, metavar="F", help="KPI_GATE.json to write")
    check.add_argument("--json", action="store_true", help="print the gate as JSON")
    check.add_argument("words", nargs="*", metavar="kpi.key=value", help="thresholds to change")
    args = parser.parse_args(argv)
    return _check(args)


def _check(args: argparse.Namespace) -> int:
    from framework.gates.explain import build_kpi_gate, gate_marker, next_step
    from framework.session.judge import choose_profiles
    from framework.settings.kpi_profiles import load_kpi_profile
    from framework.settings.resolve import find_root

    report = _read_reports(args.report)
    root = find_root()
    settings = load_kpi_profile(root=root, name=args.profile, words=tuple(args.words))
    deciding, shown = choose_profiles(kpi=settings, root=root)
    gate = build_kpi_gate(
        report=report,
        deciding=deciding,
        shown=shown,
        wall_clock=(report.get("runtime") or {}).get("clock", "wall") != "replay",
    )
    if args.out_json is not None:
        write_json(path=args.out_json, value=gate)
    if args.json:
        print(canonical_json(gate))
    else:
        print(gate_marker(gate))
        for name, judged in gate["profiles"].items():
            reasons = ",".join(judged["reasons"]) or "none"
            print(f"| kpi_profile | {judged['verdict']} | PROFILE={name} REASONS={reasons} |")
        print(f"{gate['verdict']}: {gate['sentence']}")
        print(f"next: {next_step(gate)}")
    code: int = gate["exit_code"]
    return code


def _read_reports(files: Sequence[Path]) -> dict[str, Any]:
    """Read one report, or fold several into the totals the weekly profile judges."""
    from framework.edge.rows import parse_object
    from framework.gates.errors import KpiError
    from framework.gates.weekly import weekly_totals

    reports = []
    for file in files:
        report = parse_object(text=read_text(file), where=str(file))
        if not isinstance(report.get("totals"), dict):
            raise KpiError(f"{file}: has no totals; allowed an edge report (quoteops edge report makes one)")
        reports.append(report)
    if len(reports) == 1:
        return reports[0]
    return {
        "totals": weekly_totals([r["totals"] for r in reports]),
        "runtime": reports[-1].get("runtime") or {},
    }
