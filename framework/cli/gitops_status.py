"""``quoteops gitops status``: what is live in an environment, and why."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size

from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Print the status; 0 in sync and allowed, 1 not or the bot is dead, 2 could not run, 3 not known."""
    parser = Parser(prog="quoteops gitops status", description="Say what is live in an environment, and why.")
    parser.add_argument("--environment", metavar="NAME", help="sandbox, paper, production (all of them)")
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

    home = (args.home or find_root()).resolve()
    if args.environment is None:
        return _all(home, as_json=args.json)
    state_dir = StateDir(home, args.environment)
    known = environment_names(state_dir.home)
    if known and args.environment not in known and not state_dir.journal.exists():
        hint = did_you_mean(args.environment, known)
        raise GitopsError(f"environment {args.environment}: is unknown; allowed {', '.join(known)}{hint}")
    status = read_status(state_dir, now=utc_now())
    print(canonical_json(status.as_dict()) if args.json else "\n".join(status_lines(status, width=_width())))
    return status.exit_code


def _all(home: Path, *, as_json: bool) -> int:
    """Print every environment that is known or kept here; what ails one hides none of the others."""
    from framework.errors import QuoteopsError
    from framework.files.atomic import canonical_json
    from framework.gitops.agent.state_dir import NAME, StateDir
    from framework.gitops.agent.status import Status, read_status
    from framework.gitops.agent.status_text import overview_lines
    from framework.journal.journal import utc_now
    from framework.settings.gitops_files import environment_names

    folder = home / "artifacts" / "gitops"
    kept = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set[str]()
    statuses: dict[str, Status | str] = {}
    codes = set[int]()
    for name in sorted({*environment_names(home), *(name for name in kept if NAME.fullmatch(name))}):
        if name not in kept:
            statuses[name] = "is not kept on this machine"
            continue
        try:
            status = read_status(StateDir(home, name), now=utc_now())
            statuses[name] = status
            codes.add(status.exit_code)
        except QuoteopsError as error:
            statuses[name] = f"cannot be read: {error}"
            codes.add(1)
    if as_json:
        print(
            canonical_json(
                {n: {"why": s} if isinstance(s, str) else s.as_dict() for n, s in statuses.items()}
            )
        )
    else:
        print("\n".join(overview_lines(statuses, width=_width())))
    return 1 if 1 in codes else 3 if 3 in codes or not codes else 0


def _width() -> int | None:
    """Return the terminal's columns; None where nobody looks, so that a search finds whole lines."""
    return max(40, get_terminal_size().columns) if sys.stdout.isatty() else None
