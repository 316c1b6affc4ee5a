"""``quoteops gitops journal``: what was applied, refused and decided, and whether the record is whole."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.cli.words import Parser
from framework.files.atomic import canonical_json

if TYPE_CHECKING:
    from framework.gitops.repo.git import Git
    from framework.journal.journal import Content

DIGEST = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
"""What is cut to twelve digits for people; --json has it whole."""


def run(argv: Sequence[str]) -> int:
    """Print or verify a journal; 0 whole, 1 changed, truncated or reordered, 2 could not run."""
    parser = Parser(prog="quoteops gitops journal", description="Print the journal of an environment.")
    parser.add_argument("--environment", required=True, metavar="NAME", help="sandbox, paper, production")
    parser.add_argument("--verify", action="store_true", help="only say whether the chain is whole")
    parser.add_argument("--file", type=Path, metavar="F", help="a journal elsewhere (artifacts/gitops/NAME/)")
    parser.add_argument(
        "--remote", metavar="R", help="hold it against what is published there; a name or a URL"
    )
    parser.add_argument("--last", type=int, default=0, metavar="N", help="only the newest N entries")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _show(parser.parse_args(argv))


def _show(args: argparse.Namespace) -> int:
    from framework.gitops.repo.git import Git
    from framework.journal.errors import JournalError
    from framework.settings.resolve import find_root

    root = find_root()
    path = args.file or root / "artifacts" / "gitops" / args.environment / "journal.jsonl"
    try:
        content = _content(path, Git(root), args)
    except JournalError as error:
        print(canonical_json({"whole": False, "fault": str(error)}) if args.json else f"BROKEN: {error}")
        return 1
    entries = content.entries[-args.last :] if args.last > 0 else content.entries
    result: dict[str, Any] = {
        "whole": True,
        "entries": len(content.entries),
        "head": {"seq": content.head.seq, "sha256": content.head.sha256},
        "torn_tail_bytes": len(content.tail),
    }
    if args.json:
        rows = [] if args.verify else [_plain(entry) for entry in entries]
        print(canonical_json({**result, "rows": rows}))
        return 0
    if not args.verify:
        for entry in entries:
            print(
                f"{entry.seq:>6}  {entry.at}  {entry.kind:<12}{DIGEST.sub(_cut, canonical_json(entry.data))}"
            )
    torn = f", {len(content.tail)} bytes of a torn line at its end" if content.tail else ""
    print(f"WHOLE: {len(content.entries)} entries, head {content.head.sha256[:16]}{torn}")
    return 0


def _content(path: Path, git: Git, args: argparse.Namespace) -> Content:
    """Return the journal here, held against the published head; the published one where there is none."""
    from framework.errors import QuoteopsError
    from framework.gitops.repo.journal_branch import fetch_published
    from framework.journal.journal import Content, Journal, check_head

    published = None if args.remote is None else fetch_published(git, args.remote, args.environment)
    if path.is_file():
        content = Journal(path).content()
        if published is not None:
            check_head(content.entries, published.head, where=str(path))
        return content
    if published is None:
        nor = f" and none published at {args.remote}" if args.remote is not None else ""
        served = "an environment that an agent has served, or NAME.gate once a gate was recorded"
        raise QuoteopsError(f"{path}: no journal here{nor}; allowed {served}")
    return Content(published.entries, 0, b"")


def _cut(result: re.Match[str]) -> str:
    return f"{result[0][:12]}…"


def _plain(entry: Any) -> dict[str, Any]:
    return {"seq": entry.seq, "at": entry.at, "kind": entry.kind, "data": entry.data, "sha256": entry.sha256}
