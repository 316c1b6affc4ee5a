"""``quoteops gitops journal``: what was applied, refused and decided, and whether the record is whole."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.cli.show import tell
from framework.cli.words import Parser
from framework.files.atomic import canonical_json

if TYPE_CHECKING:
    from framework.gitops.repo.git import Git
    from framework.journal.entry import Entry
    from framework.journal.journal import Content

DIGEST = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
"""What is cut to twelve digits for people; --json has it whole."""


def run(argv: Sequence[str]) -> int:
    """Print or verify a journal; 0 whole, 1 changed, truncated or reordered, 2 could not run."""
    parser = Parser(prog="quoteops gitops journal", description="Print the journal of an environment.")
    parser.add_argument("--environment", required=True, metavar="NAME", help="sandbox, paper, production")
    parser.add_argument(
        "--verify", action="store_true", help="say whether the chain is whole, and who signed"
    )
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
        result, entries = _read(path, Git(root), args)
    except JournalError as error:
        print(canonical_json({"whole": False, "fault": str(error)}) if args.json else f"BROKEN: {error}")
        return 1
    signed = _signatures(root, path, args)
    result |= signed
    if args.json:
        print(canonical_json({**result, "rows": [_plain(entry) for entry in entries]}))
        return 1 if signed.get("wrong_signatures") else 0
    for entry in entries:
        tell(f"{entry.seq:>6}  {entry.at}  {entry.kind:<12}{DIGEST.sub(_cut, canonical_json(entry.data))}")
    torn = (
        f", {result['torn_tail_bytes']} bytes of a torn line at its end" if result["torn_tail_bytes"] else ""
    )
    many = f" in {result['segments']} segments" if result["segments"] > 1 else ""
    tell(f"WHOLE: {result['entries']} entries{many}, head {result['head']['sha256'][:16]}{torn}")
    for fault in signed.get("wrong_signatures", ()):
        tell(f"FORGED: {fault}")
    if signed and (signed["signed_by"] or signed["unsigned"]):
        by = ", ".join(f"{count} by {who}" for who, count in signed["signed_by"].items()) or "none"
        tell(f"SIGNED: {by}; {signed['unsigned']} verdicts and promotions without a signature")
    return 1 if signed.get("wrong_signatures") else 0


def _signatures(root: Path, path: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Say who signed, by the policy of this checkout; nothing where it has none, or is not asked."""
    from framework.gitops.repo.entry_signatures import check_signatures
    from framework.gitops.repo.git import Git
    from framework.settings.gitops_files import POLICY, read_policy

    if not args.verify or not (root / POLICY).is_file():
        return {}
    allowed, revoked = read_policy(root).signer_lists
    entries = (entry for content in _contents(path, Git(root), args) for entry in content.entries)
    checked = check_signatures(entries, allowed_signers=allowed, revoked=revoked)
    return {
        "signed_by": dict(checked.by),
        "unsigned": checked.unsigned,
        "wrong_signatures": list(checked.faults),
    }


def _read(path: Path, git: Git, args: argparse.Namespace) -> tuple[dict[str, Any], list[Entry]]:
    """Verify every segment and the state it carries; return what is said, and the entries to print."""
    from collections import deque

    from framework.gitops.desired.checkpoint import refold
    from framework.gitops.desired.history import History
    from framework.journal.journal import Journal

    shown: deque[Entry] = deque(maxlen=0 if args.verify else args.last if args.last > 0 else None)
    history, segments, content = History(), 0, None
    opening = Journal(path).content().entries[:1]
    carried = any("state" in entry.data for entry in opening)  # a gate's journal carries none
    for content in _contents(path, git, args):
        segments += 1
        if carried:
            history = refold(content.entries, into=history, where=str(path))
        shown.extend(content.entries)
    assert content is not None
    head = {"seq": content.head.seq, "sha256": content.head.sha256}
    tail = len(content.tail)
    result = {"whole": True, "entries": head["seq"], "segments": segments, "head": head}
    return {**result, "torn_tail_bytes": tail}, list(shown)


def _contents(path: Path, git: Git, args: argparse.Namespace) -> Iterable[Content]:
    """Give the journal here, held against the published head; the published one where there is none."""
    from framework.errors import QuoteopsError
    from framework.gitops.repo.journal_branch import fetch_published
    from framework.journal.journal import Content, Journal

    published = None if args.remote is None else fetch_published(git, args.remote, args.environment)
    if path.is_file():
        journal = Journal(path)
        if published is not None:
            journal.check_head(published.head)
        return journal.walk()
    if published is None:
        nor = f" and none published at {args.remote}" if args.remote is not None else ""
        served = "an environment that an agent has served, or NAME.gate once a gate was recorded"
        raise QuoteopsError(f"{path}: no journal here{nor}; allowed {served}")
    return [Content(published.entries, 0, b"")]


def _cut(result: re.Match[str]) -> str:
    return f"{result[0][:12]}…"


def _plain(entry: Any) -> dict[str, Any]:
    return {"seq": entry.seq, "at": entry.at, "kind": entry.kind, "data": entry.data, "sha256": entry.sha256}
