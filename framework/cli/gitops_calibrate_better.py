"""``quoteops gitops calibrate --better``: how often a soak's or a sweep's BETTER is wrong."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

SETS = {"Seeds looked at when the rules were chosen": 7_000, "Seeds never looked at before": 9_000}
"""The first seed of each set; a market's own follow."""
RECORDED = "Recordings"
DRAWN_FROM = 31


def run_better(args: Any) -> int:
    """Measure it; 0 the target is met, 1 it is missed, 2 could not run."""
    from framework.edge.canonical import canonical
    from framework.files.atomic import canonical_json, write_atomic
    from framework.gitops.calibration.better_text import better_lines, better_page, target_met

    sets = _sets(args)
    report: dict[str, Any] = canonical({"command": _command(args), "sets": sets, "met": target_met(sets)})
    if args.out is not None:
        write_atomic(path=args.out, data=better_page(report))
    print(canonical_json(report) if args.json else "\n".join(better_lines(report)))
    return 0 if report["met"] else 1


def _sets(args: Any) -> dict[str, list[dict[str, Any]]]:
    """Replay and measure every class of every set."""
    from framework.gitops.calibration.better import measure_better
    from framework.gitops.calibration.better_tapes import MARKETS, made_class, recorded_class
    from framework.gitops.calibration.tapes import recorded
    from framework.settings.resolve import find_root

    root, sets = find_root(), dict[str, list[dict[str, Any]]]()

    def progress() -> None:
        print(".", end="", file=sys.stderr, flush=True)

    for name, first in SETS.items() if args.synthetic else ():
        for market in MARKETS:
            tapes = made_class(
                market,
                root=root,
                first_seed=first + market.offset,
                count=max(2, round(args.tapes * market.share)),
                workers=args.workers,
                progress=progress,
            )
            sets.setdefault(name, []).append(measure_better(tapes, seed=DRAWN_FROM))
    sources = [recorded(archive) for archive in args.tape]
    for kind in ("thin", "liquid"):
        if alike := [source for source in sources if source.market == kind]:
            tapes = recorded_class(alike, root=root, workers=args.workers, progress=progress)
            sets.setdefault(RECORDED, []).append(measure_better(tapes, seed=DRAWN_FROM))
    return sets


def _command(args: Any) -> str:
    """Write the command; of an archive its last part alone, for the rest is this machine's."""
    words = ["quoteops", "gitops", "calibrate", "--better"]
    for archive in args.tape:
        words += ["--tape", f"artifacts/tapes/{Path(archive).name}"]
    words += ["--synthetic"] if args.synthetic else []
    words += ["--tapes", str(args.tapes)] if args.tapes != 10 else []
    return shlex.join([*words, "--out", "docs/better-calibration.md"])
