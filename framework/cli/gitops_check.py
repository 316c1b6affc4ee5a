"""``quoteops gitops check``: what a change touches, which way it moves risk, what the policy asks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from framework.cli.gitops_gate import journals
from framework.cli.show import tell
from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Classify a change; 0 allowed (the last line says what it needs), 1 refused, 2 could not run."""
    parser = Parser(prog="quoteops gitops check", description="Classify a change between two commits.")
    parser.add_argument("--base", required=True, metavar="REF", help="what runs today")
    parser.add_argument("--head", required=True, metavar="REF", help="what shall run; it contains the base")
    parser.add_argument("--environment", metavar="NAME", help="this environment alone")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="the repository (this one)")
    parser.add_argument(
        "--remote", metavar="NAME", help="where the journals are that say what is in force (this disk's)"
    )
    parser.add_argument("--out-md", type=Path, metavar="F", help="append a Markdown summary to a file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.gitops.change.classify import classify
    from framework.gitops.change.text import change_lines, change_markdown
    from framework.gitops.desired.revision import Revision
    from framework.gitops.gate.ground import restores, running_ground, standing_ground
    from framework.gitops.gate.request import GateRequest
    from framework.gitops.repo.git import Git
    from framework.settings.resolve import find_root

    git = Git(args.repo or find_root())
    rows, agent_rows, _ = journals(git, git.repo, None, args.remote)
    now = datetime.now(UTC)
    with (
        Revision.open(git, args.base) as asked,
        asked.readable() as base,
        Revision.open(git, args.head) as head,
    ):
        request = GateRequest(
            base=base,
            head=head,
            home=git.repo,
            rows=rows,
            agent_rows=agent_rows,
            published=args.remote is not None,
        )
        ground = partial(standing_ground, request, now=now)
        standing, back = partial(running_ground, request, now=now), partial(restores, request, now=now)
        report = classify(
            base, head, args.environment, now=now, ground=ground, standing=standing, restores=back
        )
        notes = asked.unread_note(base) + head.uncommitted_note()
    if args.out_md is not None:
        args.out_md.parent.mkdir(parents=True, exist_ok=True)
        with args.out_md.open(
            "a", encoding="utf-8"
        ) as file:  # a job's summary already holds other steps' words
            file.write(change_markdown(report))
    if args.json:
        print(canonical_json(report.as_dict()))
    else:
        tell("\n".join(change_lines(report)))
        print(notes, end="", file=sys.stderr)
    return report.exit_code
