"""``quoteops gitops status``: what is live in an environment, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Print the status; 0 in sync and allowed, 1 not, 2 could not run, 3 not known."""
    parser = Parser(prog="quoteops gitops status", description="Say what is live in an environment, and why.")
    parser.add_argument("--environment", required=True, metavar="NAME", help="sandbox, paper, production")
    parser.add_argument("--home", type=Path, metavar="DIR", help="whose artifacts/gitops/ (this repository)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.files.hints import did_you_mean
    from framework.gitops.agent.state_dir import StateDir
    from framework.gitops.agent.status import read_status
    from framework.gitops.agent.status_text import status_lines
    from framework.gitops.errors import GitopsError
    from framework.journal.journal import utc_now
    from framework.settings.gitops_files import environment_names
    from framework.settings.resolve import find_root

    state_dir = StateDir((args.home or find_root()).resolve(), args.environment)
    known = environment_names(state_dir.home)
    if known and args.environment not in known and not state_dir.journal.exists():
        hint = did_you_mean(args.environment, known)
        raise GitopsError(f"environment {args.environment}: is unknown; allowed {', '.join(known)}{hint}")
    status = read_status(state_dir, now=utc_now())
    print(canonical_json(status.as_dict()) if args.json else "\n".join(status_lines(status)))
    return status.exit_code
