"""``quoteops gitops promote``: judge what was merged once more, and publish what it promotes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.cli.show import tell
from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Promote a merge; 0 promoted or nothing to promote, 1 fail, 2 could not run, 3 inconclusive."""
    parser = Parser(
        prog="quoteops gitops promote", description="Judge what was merged, and publish what it promotes."
    )
    parser.add_argument(
        "--base", required=True, metavar="REF", help="the branch before the merge; none: there was nothing"
    )
    parser.add_argument("--head", required=True, metavar="REF", help="the branch after it")
    parser.add_argument("--environment", metavar="NAME", help="this environment alone")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="SSH private key that signs the decision")
    parser.add_argument("--remote", default="origin", metavar="NAME", help="where the journal is (origin)")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="the repository (this one)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for gate.json and gate.md")
    parser.add_argument("--out-md", type=Path, metavar="F", help="append the Markdown summary to a file")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (the cores); 0 for none")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)

    from framework.cli.gitops_gate import journals, show
    from framework.gitops.desired.revision import Revision
    from framework.gitops.gate.promote import NO_COMMIT, promote
    from framework.gitops.gate.request import GateRequest
    from framework.gitops.repo.git import Git
    from framework.session.provenance import code_sha
    from framework.settings.resolve import find_root

    root = args.repo or find_root()
    git = Git(root)
    rows, agent_rows, _ = journals(git, root, None, args.remote)
    first = args.base in ("none", NO_COMMIT)
    with Revision.open(git, args.head if first else args.base) as base, Revision.open(git, args.head) as head:
        promotion = promote(
            GateRequest(
                base=base,
                head=head,
                environment=args.environment,
                home=root,
                rows=rows,
                agent_rows=agent_rows,
                code_sha=code_sha(root),
                workers=args.workers,
            ),
            remote=args.remote,
            first=first,
            sign=args.sign.resolve() if args.sign is not None else None,
            progress=(lambda _: None) if args.json else tell,
        )
    show(promotion.report, out=args.out, out_md=args.out_md, as_json=args.json)
    return promotion.exit_code
