"""``quoteops gitops hold`` and ``release``: keep what is in force against git, and end it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from framework.cli.show import tell
from framework.cli.streams import timed
from framework.cli.words import Parser

if TYPE_CHECKING:
    from framework.gitops.agent.reconciler import Reconciler


def run(argv: Sequence[str]) -> int:
    """Hold an environment; 0 done, 2 could not run."""
    parser = _parser("hold", "Keep what is in force, whatever the branch comes to ask for.")
    args = parser.parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.gitops.agent.operator import hold_environment

    hold = hold_environment(_agent(args.environment, args.home), reason=args.reason)
    line = f"| gitops_hold | HELD | {hold.name} |"
    print(canonical_json(dict(hold.plain))) if args.json else timed(tell)(line)
    return 0


def run_release(argv: Sequence[str]) -> int:
    """End a hold, take a rewritten branch, or a policy; 0 done, 2 could not run."""
    parser = _parser("release", "End a hold: the branch is put in force again. Quarantines stay.")
    parser.add_argument("--accept", metavar="SHA", help="take the newest commit of a rewritten branch")
    parser.add_argument(
        "--accept-policy", metavar="SHA", help="let a commit's policy say who may promote: a key was lost"
    )
    args = parser.parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.gitops.agent.operator import release_environment

    agent = _agent(args.environment, args.home)
    done = release_environment(agent, reason=args.reason, accept=args.accept, policy=args.accept_policy)
    line = f"| gitops_release | CLEARED | {done} |"
    print(canonical_json({"done": done})) if args.json else timed(tell)(line)
    return 0


def _parser(verb: str, description: str) -> Parser:
    parser = Parser(prog=f"quoteops gitops {verb}", description=description)
    parser.add_argument("--environment", required=True, metavar="NAME", help="sandbox, paper, production")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it goes to the journal")
    parser.add_argument("--home", type=Path, metavar="DIR", help="whose artifacts/gitops/ (this repository)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _agent(environment: str, home: Path | None) -> Reconciler:
    from framework.gitops.agent.serve import make_operator
    from framework.settings.resolve import find_root

    return make_operator(environment=environment, home=(home or find_root()).resolve())
