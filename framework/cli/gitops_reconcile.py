"""``quoteops gitops reconcile``: keep an environment as its branch says."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from framework.cli.show import tell
from framework.cli.streams import timed
from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Run the agent; with --once: 0 in sync and allowed, 1 not, 2 could not run, 3 not known."""
    parser = Parser(prog="quoteops gitops reconcile", description="Keep an environment as its branch says.")
    parser.add_argument("--environment", required=True, metavar="NAME", help="sandbox, paper, production")
    parser.add_argument("--remote", metavar="URL", help="where the branch is (origin of the checkout)")
    parser.add_argument(
        "--branch", metavar="NAME", help="what the environment follows (as the checkout's file says, or main)"
    )
    parser.add_argument(
        "--no-publish", action="store_true", help="keep the journal here; do not push it to quoteops/journal"
    )
    parser.add_argument("--sign", type=Path, metavar="KEY", help="SSH private key that signs reverts")
    parser.add_argument("--once", action="store_true", help="look once, then end with what was found")
    parser.add_argument("--home", type=Path, metavar="DIR", help="whose artifacts/gitops/ (this repository)")
    parser.add_argument("--json", action="store_true", help="with --once: print the status as JSON")
    args = parser.parse_args(argv)

    from framework.gitops.agent.serve import exit_code, make_reconciler, once, serve
    from framework.settings.resolve import find_root

    def log(line: str) -> None:
        if not args.json:
            timed(tell)(line)

    home = (args.home or find_root()).resolve()
    agent = make_reconciler(
        environment=args.environment,
        home=home,
        remote=args.remote,
        branch=args.branch,
        publishes=not args.no_publish,
        sign=args.sign.resolve() if args.sign is not None else None,
        log=log,
    )
    if args.once:
        observed = once(agent)
        if args.json:
            from framework.files.atomic import canonical_json
            from framework.gitops.agent.status import read_status

            print(canonical_json(read_status(agent.state_dir, now=observed.now).as_dict()))
        return exit_code(observed)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        serve(agent, stop=stop)
    except KeyboardInterrupt:
        stop.set()
    return 0
