"""``quoteops gitops calibrate``: how often the paired gate is wrong, and how much tape it needs."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from framework.cli.words import Parser

if TYPE_CHECKING:
    from framework.gitops.calibration.report import CalibrationReport

TARGET = 0.01


def run(argv: Sequence[str]) -> int:
    """Measure the gate; 0 the target is met, 1 it is missed, 2 could not run."""
    parser = Parser(
        prog="quoteops gitops calibrate",
        description="Measure the paired gate: false promotions, and power by hours of tape.",
    )
    parser.add_argument(
        "--tape", action="append", default=[], metavar="ARCHIVE", help="a recorded tape; repeat it"
    )
    parser.add_argument("--synthetic", action="store_true", help="the embedded markets too")
    parser.add_argument(
        "--hours", type=float, default=6.0, metavar="H", help="synthetic hours a regime; thin ones 8 x (6)"
    )
    parser.add_argument("--draws", type=int, default=1_000, metavar="N", help="tapes drawn a change (1000)")
    parser.add_argument("--changes", type=int, metavar="N", help="the first N parameter changes alone")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (the cores); 0 for none")
    parser.add_argument(
        "--better", action="store_true", help="measure BETTER of soaks and sweeps, not the gate"
    )
    parser.add_argument(
        "--tapes",
        type=int,
        default=10,
        metavar="N",
        help="with --better: thin tapes of 48 h a set and regime (10)",
    )
    parser.add_argument("--out", type=Path, metavar="F", help="Markdown page to write")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if not args.tape and not args.synthetic:
        parser.error("no tape; allowed --tape ARCHIVE, --synthetic, or both")
    if args.better:
        from framework.cli.gitops_calibrate_better import run_better

        return run_better(args)

    from framework.files.atomic import canonical_json, write_atomic
    from framework.gitops.calibration.text import calibration_lines, calibration_page

    report = _report(args)
    if args.out is not None:
        write_atomic(path=args.out, data=calibration_page(report))
    print(canonical_json(report.as_dict()) if args.json else "\n".join(calibration_lines(report)))
    return 0 if report.met else 1


def _report(args: argparse.Namespace) -> CalibrationReport:
    from framework.edge.canonical import canonical
    from framework.gitops.calibration.guard_metrics import measure_all
    from framework.gitops.calibration.rates import Question
    from framework.gitops.calibration.report import CalibrationReport
    from framework.gitops.calibration.resample import Design
    from framework.gitops.calibration.tapes import by_market, class_of, recorded, synthetic
    from framework.gitops.gate.judge import evidence_rules, margins_of
    from framework.settings.gitops_files import read_policy
    from framework.settings.resolve import find_root

    root = find_root()
    gate = read_policy(root).gate
    rules, design = evidence_rules(gate), Design(draws=args.draws, guard_draws=max(1, args.draws * 3 // 20))
    sources = [recorded(archive) for archive in args.tape]
    if args.synthetic:
        sources += synthetic(hours={"liquid_perp": args.hours, "thin_spot": 8.0 * args.hours})
    classes = [
        class_of(group, root=root, workers=args.workers, most_changes=args.changes)
        for group in by_market(sources)
    ]
    questions = [
        Question(
            tapes=tapes,
            rules=rules,
            design=design,
            margins=margins_of(base=tapes.base, rules=gate),
            power_draws=max(1, args.draws // 10),
        )
        for tapes in classes
    ]
    report: CalibrationReport = canonical(
        CalibrationReport(
            command=_command(args),
            rules=rules,
            design=design,
            target=TARGET,
            classes=measure_all(questions, workers=args.workers),
        )
    )
    return report


def _command(args: argparse.Namespace) -> str:
    """Write the command; of an archive its last part alone, for the rest is this machine's."""
    words = ["quoteops", "gitops", "calibrate"]
    for archive in args.tape:
        words += ["--tape", f"artifacts/tapes/{archive.rstrip('/').rpartition('/')[2]}"]
    if args.synthetic:
        words += ["--synthetic", *(["--hours", f"{args.hours:g}"] if args.hours != 6.0 else [])]
    if args.draws != 1_000:
        words += ["--draws", str(args.draws)]
    if args.changes is not None:
        words += ["--changes", str(args.changes)]
    return shlex.join([*words, "--out", "docs/gate-calibration.md"])
