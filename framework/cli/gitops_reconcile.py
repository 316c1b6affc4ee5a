"""``quoteops gitops reconcile``: keep an environment as its branch says."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.cli.show import tell
from framework.cli.streams import heard_by, timed
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
    from framework.session.stop import Stop
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
    stop, heard = threading.Event(), Stop()
    heard.arm()

    def asked(number: int, frame: Any = None) -> None:
        heard(number, frame)  # whoever insists gets KeyboardInterrupt
        stop.set()

    with heard_by(asked):
        serve(agent, stop=stop)
    assert heard.heard is not None
    asked_by = signal.Signals(heard.heard).name
    log(f"| gitops_reconcile | STOPPED | asked to by {asked_by}; what is in force stays in force |")
    return 0
