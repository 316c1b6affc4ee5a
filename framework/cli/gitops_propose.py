"""``quoteops gitops propose``: a branch and a pull request of tuned or swept values, with their evidence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from framework.cli.show import Show, tell
from framework.cli.words import Parser

if TYPE_CHECKING:
    from framework.gitops.agent.state_dir import StateDir
    from framework.gitops.proposal.propose import Proposal


def run(argv: Sequence[str]) -> int:
    """Propose; 0 done, 2 could not."""
    args = _parser().parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.gitops.agent.serve import read_checkout, remote_of, token_of
    from framework.gitops.agent.state_dir import StateDir
    from framework.gitops.proposal.propose import propose
    from framework.gitops.proposal.sources import read_source
    from framework.journal.journal import utc_now
    from framework.settings.resolve import find_root

    home = (args.home or find_root()).resolve()
    state_dir = StateDir(home, args.environment)
    checkout = read_checkout(home, args.environment)
    proposal = propose(
        state_dir,
        remote=args.remote or remote_of(home),
        source=None if args.promote else read_source(args.source.resolve(), anyway=args.anyway),
        now=utc_now(),
        branch=checkout.branch if checkout is not None else "main",
        title=args.title,
        sign=args.sign.resolve() if args.sign is not None else None,
        token=token_of(checkout),
    )
    result = {
        "branch": proposal.branch,
        "commit": proposal.commit,
        "base": proposal.base,
        "title": proposal.title,
        "body": str(proposal.body),
        "url": proposal.url,
        "check": _checked(state_dir, proposal),
    }
    if args.json:
        print(canonical_json(result))
        return 0
    tell(f"| gitops_propose | PROPOSED | {proposal.branch} {proposal.commit[:12]} |")
    tell(f"| gitops_propose | CHECK | {result['check']} |")
    body = Show(out=sys.stdout).path(proposal.body)
    tell(proposal.url or f"no token: open the pull request by hand, its text is in {body}")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="quoteops gitops propose",
        description="Ask an environment for tuned, swept or tried values: branch, commit, pull request.",
    )
    parser.add_argument("--environment", required=True, metavar="NAME", help="sandbox, paper, production")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="PATH",
        help="a soak's folder or its soak/runtime_overrides.json, a sweep's folder or SWEEP.json, a patch",
    )
    what.add_argument(
        "--promote",
        action="store_true",
        help="its candidate becomes its baseline, and nothing is out any more",
    )
    parser.add_argument("--remote", metavar="URL", help="where to push (origin of the checkout)")
    parser.add_argument("--title", metavar="TEXT", help="of the commit and the pull request")
    parser.add_argument(
        "--anyway", action="store_true", help="what is not proven, failed or lost to static, all the same"
    )
    parser.add_argument("--sign", type=Path, metavar="KEY", help="SSH private key that signs the commit")
    parser.add_argument("--home", type=Path, metavar="DIR", help="whose artifacts/gitops/ (this repository)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _checked(state_dir: StateDir, proposal: Proposal) -> str:
    """Return what the check will say of a proposal, so that a refused one is seen before it is reviewed."""
    from framework.errors import QuoteopsError
    from framework.gitops.change.classify import classify
    from framework.gitops.change.text import verdict_line
    from framework.gitops.desired.revision import Revision
    from framework.gitops.repo.git import Git

    try:
        git = Git.mirror(state_dir.mirror)
        with Revision(git, proposal.base) as base, Revision(git, proposal.commit) as head:
            return verdict_line(classify(base, head, state_dir.environment))
    except (
        QuoteopsError
    ) as error:  # the proposal stands; whoever reviews it has the check of the pull request
        return f"not known: {error}"
