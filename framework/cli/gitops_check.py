"""``quoteops gitops check``: what a change touches, which way it moves risk, what the policy asks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from framework.cli.words import Parser

if TYPE_CHECKING:
    from framework.gitops.repo.git import Git

FIELDS = {"1": 8, "u": 10}
"""Fields before the path in a row of git's status."""


def run(argv: Sequence[str]) -> int:
    """Classify a change; 0 allowed (the last line says what it needs), 1 refused, 2 could not run."""
    parser = Parser(prog="quoteops gitops check", description="Classify a change between two commits.")
    parser.add_argument("--base", required=True, metavar="REF", help="what runs today")
    parser.add_argument("--head", required=True, metavar="REF", help="what shall run; it contains the base")
    parser.add_argument("--environment", metavar="NAME", help="this environment alone")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="the repository (this one)")
    parser.add_argument("--out-md", type=Path, metavar="F", help="append a Markdown summary to a file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.gitops.change.classify import classify
    from framework.gitops.change.text import change_lines, change_markdown
    from framework.gitops.repo.git import Git
    from framework.settings.resolve import find_root

    git = Git(args.repo or find_root())
    report = classify(git, args.base, args.head, args.environment)
    if args.out_md is not None:
        args.out_md.parent.mkdir(parents=True, exist_ok=True)
        with args.out_md.open(
            "a", encoding="utf-8"
        ) as file:  # a job's summary already holds other steps' words
            file.write(change_markdown(report))
    if args.json:
        print(canonical_json(report.as_dict()))
    else:
        print("\n".join(change_lines(report)))
        note_uncommitted(git, report.head)
    return report.exit_code


def note_uncommitted(git: Git, head: str) -> None:
    """Say on stderr which edits of the worktree the judged commit lacks, where it is the one checked out."""
    if git.run("rev-parse", "--is-inside-work-tree").strip() != b"true":
        return
    words = ("status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--")
    rows = git.run(*words, "runtime_overrides", "conf", "gitops").decode(errors="replace").split("\0")
    if f"# branch.oid {head}" not in rows:
        return
    names = [row.split(" ", FIELDS.get(row[0], 1))[-1] for row in rows if row and row[0] != "#"]
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        print(f"note: not committed, so not judged: {shown}", file=sys.stderr)
