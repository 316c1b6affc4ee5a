"""``quoteops gitops rollback``: put the last good content back at once, then tell git."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.cli.show import tell
from framework.cli.streams import timed
from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Go back and hold; 0 done (the proposal may follow later), 2 could not run."""
    parser = Parser(
        prog="quoteops gitops rollback",
        description="Put the last good content back at once, hold it, and propose the revert to git.",
    )
    parser.add_argument("--environment", required=True, metavar="NAME", help="sandbox, paper, production")
    parser.add_argument("--reason", default="an operator went back", metavar="TEXT", help="why")
    parser.add_argument("--to", metavar="SHA", help="a commit that was in force (the last good one)")
    parser.add_argument("--loosen", action="store_true", help="with --to: give up what was tightened since")
    parser.add_argument("--remote", metavar="URL", help="where the branch is (origin of the checkout)")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="SSH private key that signs the revert")
    parser.add_argument("--home", type=Path, metavar="DIR", help="whose artifacts/gitops/ (this repository)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)

    from framework.errors import QuoteopsError
    from framework.files.atomic import canonical_json
    from framework.gitops.agent.operator import bot_answer, roll_back_environment
    from framework.gitops.agent.serve import make_operator, remote_of
    from framework.gitops.agent.way_back import shown
    from framework.settings.resolve import find_root

    def log(line: str) -> None:
        if not args.json:
            timed(tell)(line)

    home = (args.home or find_root()).resolve()
    sign = args.sign.resolve() if args.sign is not None else None
    agent = make_operator(environment=args.environment, home=home, sign=sign, log=log)
    hold, way = roll_back_environment(agent, reason=args.reason, to=args.to, loosen=args.loosen)
    good = "known good" if hold.held is not None and hold.held.proven else "its health is not known"
    log(f"| gitops_rollback | HELD | back to {way.target.commit[:12]} ({good}), {hold.name} |")
    if way.kept:
        log(f"| gitops_rollback | KEPT | tightened since, so kept: {shown(way.kept)} |")
    bot = bot_answer(agent.state_dir, hold)
    log(f"| gitops_rollback | BOT | {bot} |")
    try:
        agent.observer.remote = args.remote or remote_of(home)
        agent.propose_revert()
        agent.publish()
    except QuoteopsError as error:  # what had to happen has happened; the agent proposes when it can
        log(f"| gitops_rollback | ALERT | the revert is not proposed yet: {error} |")
    if args.json:
        print(canonical_json({**hold.plain, "bot": bot}))
    return 0
