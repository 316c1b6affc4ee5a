"""``quoteops soak``: replay a market, judge the KPIs, tune, report; a Hydra app of ``key=value`` words."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    """Run one soak and return its verdict's exit code: 0 pass or warn, 1 fail, 2 could not run, 3 inconclusive."""
    words = [word for word in argv if word != "--json"]
    from framework.settings.compose import compose_run

    composed = compose_run(primary="soak", words=words)
    from framework.settings.files import canonical_json
    from framework.soak.run import gates_summary, run_soak
    from framework.soak.text import summary_text

    as_json = "--json" in argv
    out = sys.stderr if as_json else sys.stdout
    result = run_soak(composed=composed, say=lambda line: print(line, file=out))
    if as_json:
        print(canonical_json({**gates_summary(result), "run_dir": str(composed.run_dir)}))
    else:
        print(summary_text(result), end="")
        print(f"report: {composed.run_dir / 'reports' / 'report.html'}")
    return result.verdict.exit_code
