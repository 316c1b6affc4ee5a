"""``quoteops gitops record``: publish the attempts and verdicts that a gate left in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Publish what a gate found; 0 done, 2 could not run."""
    parser = Parser(
        prog="quoteops gitops record", description="Append a gate's verdicts to the journal's branch."
    )
    parser.add_argument("--evidence", type=Path, required=True, metavar="DIR", help="what gate --out wrote")
    parser.add_argument("--remote", default="origin", metavar="NAME", help="where the branch is (origin)")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="SSH private key that signs the verdicts")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="the repository (this one)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.gitops.gate.promote import read_rows, record
    from framework.gitops.repo.git import Git
    from framework.settings.resolve import find_root

    key = args.sign.resolve() if args.sign is not None else None
    written = record(Git(args.repo or find_root()), args.remote, read_rows(args.evidence), sign=key)
    if args.json:
        print(canonical_json(written))
    for name, count in written.items() if not args.json else ():
        print(f"| record | OK | environment={name} entries={count} |")
    if not written and not args.json:
        print("nothing was judged: nothing to record")
    return 0
