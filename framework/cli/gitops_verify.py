"""``quoteops gitops verify``: is an evidence bundle as it was written, and what does its gate say again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.cli.words import Parser


def run(argv: Sequence[str]) -> int:
    """Check a bundle; 0 whole (and the same again), 1 changed, 2 not run, 3 other code says otherwise."""
    parser = Parser(
        prog="quoteops gitops verify",
        description="Check every digest of an evidence bundle; with --replay, run its gate again.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle")
    parser.add_argument("--replay", action="store_true", help="run the gate again and compare byte for byte")
    parser.add_argument("--journal", type=Path, metavar="F", help="journal that must hold the verdicts")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="the repository (this one)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (the cores); 0 for none")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)

    from framework.files.atomic import canonical_json
    from framework.gitops.gate.verify import check_bundle, said_at
    from framework.journal.journal import Journal

    journal = Journal(args.journal).entries() if args.journal is not None else None
    bundle, faults = check_bundle(args.bundle, journal=journal)
    faults += _forged(args, journal) if journal is not None and not faults else []
    result: dict[str, Any] = {"bundle": str(args.bundle), "whole": not faults, "faults": faults}
    code = 1 if faults else 0
    if bundle:
        result |= {"verdict": bundle["verdict"], "at": said_at(bundle), "seal": bundle["seal"]}
    if not faults and args.replay:
        again, code = _again(args, bundle)
        result["replay"] = again
    if args.json:
        print(canonical_json(result))
        return code
    for fault in faults:
        print(f"CHANGED: {fault}")
    if not faults:
        print(f"WHOLE: {bundle['verdict']} at {result['at']}, seal {bundle['seal'][:16]}")
    if "replay" in result:
        print(_sentence(result["replay"]))
    return code


def _forged(args: Any, journal: Any) -> list[str]:
    """Name the journal's signatures that do not count, by the policy of the checkout."""
    from framework.gitops.repo.entry_signatures import check_signatures
    from framework.settings.gitops_files import POLICY, read_policy
    from framework.settings.resolve import find_root

    root = args.repo or find_root()
    if not (root / POLICY).is_file():
        return []
    allowed, revoked = read_policy(root).signer_lists
    return list(check_signatures(journal, allowed_signers=allowed, revoked=revoked).faults)


def _again(args: Any, bundle: Any) -> tuple[dict[str, Any], int]:
    from framework.gitops.gate.verify import replay_bundle
    from framework.gitops.repo.git import Git
    from framework.session.provenance import code_sha
    from framework.settings.resolve import find_root

    root = args.repo or find_root()
    replayed = replay_bundle(
        args.bundle, bundle, git=Git(root), home=root, code_sha=code_sha(root), workers=args.workers
    )
    result = {
        "identical": replayed.identical,
        "same_code": replayed.same_code,
        "verdict": replayed.verdict,
        "differs": list(replayed.differs),
        "code_sha": bundle["inputs"]["code_sha"],
    }
    return result, 0 if replayed.identical else 1 if replayed.same_code else 3


def _sentence(again: dict[str, Any]) -> str:
    by = "the same code" if again["same_code"] else f"other code than {again['code_sha'] or 'unknown'}"
    if again["identical"]:
        return f"IDENTICAL: the gate says {again['verdict']} again, byte for byte, by {by}"
    return f"DIFFERS: the gate says {again['verdict']} now, by {by}: {', '.join(again['differs'][:5])}"
