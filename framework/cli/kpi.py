"""``quoteops kpi``: judge an edge report against a KPI profile."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.cli.words import Parser
from framework.files.atomic import canonical_json, read_text, write_json

if TYPE_CHECKING:
    from framework.gates.totals import Totals


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
    from framework.gates.explain import build_gate, next_step
    from framework.session.judge import choose_profiles
    from framework.settings.kpi_profiles import load_kpi_profile
    from framework.settings.resolve import find_root

    totals, runtime = _read_reports(args.report)
    root = find_root()
    settings = load_kpi_profile(root=root, name=args.profile, words=tuple(args.words))
    gate = build_gate(
        totals=totals,
        profiles=choose_profiles(kpi=settings, root=root),
        runtime=runtime,
        wall_clock=runtime.get("clock", "wall") != "replay",
    )
    if args.out_json is not None:
        write_json(path=args.out_json, value=gate.as_dict())
    if args.json:
        print(canonical_json(gate.as_dict()))
    else:
        print(gate.marker)
        for name, judged in gate.profiles.items():
            print(f"| kpi_profile | {judged.verdict.value} | PROFILE={name} {judged.reasons_words} |")
        print(f"{gate.verdict.value}: {gate.sentence}")
        print(f"next: {next_step(gate)}")
    return gate.verdict.exit_code


def _read_reports(files: Sequence[Path]) -> tuple[Totals, dict[str, Any]]:
    """Read one report's totals, or fold several into those the weekly profile judges; and its runtime."""
    from framework.edge.rows import parse_object
    from framework.gates.errors import KpiError
    from framework.gates.totals import parse_totals
    from framework.gates.weekly import Span, refuse_overlaps, weekly_totals

    totals, spans = [], []
    read: dict[str, Path] = {}
    runtime: dict[str, Any] = {}
    for file in files:
        report = parse_object(text=read_text(file), where=str(file))
        if not isinstance(report.get("totals"), dict):
            raise KpiError(f"{file}: has no totals; allowed an edge report (quoteops edge report makes one)")
        same = canonical_json(report["totals"])
        if same in read:
            raise KpiError(f"{file}: is the same report as {read[same]}; allowed each report once")
        read[same] = file
        totals.append(parse_totals(report["totals"], where=str(file)))
        told = [report["totals"].get(name) for name in ("start_ns", "end_ns")]
        start_ns, end_ns = told if all(type(one) is int for one in told) else (0, 0)
        symbols = report.get("symbols")
        spans.append(
            Span(str(file), frozenset(symbols if isinstance(symbols, dict) else ()), start_ns, end_ns)
        )
        runtime = report.get("runtime") or {}
        if not isinstance(runtime, dict):
            raise KpiError(f"{file}: runtime is a {type(runtime).__name__}; allowed an object")
    refuse_overlaps(spans)
    return totals[0] if len(totals) == 1 else weekly_totals(totals), runtime
