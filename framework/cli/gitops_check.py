"""``quoteops gitops check``: what a change touches, which way it moves risk, what the policy asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.cli.words import Parser


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

    from framework.gitops.change_text import change_lines, change_markdown
    from framework.gitops.changes import classify
    from framework.gitops.git import Git
    from framework.settings.files import canonical_json
    from framework.settings.plan import find_root

    report = classify(Git(args.repo or find_root()), args.base, args.head, args.environment)
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
    return report.exit_code
