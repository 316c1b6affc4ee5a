"""``quoteops gitops gate``: both configurations on the same tapes, and whether the change may pass."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.cli.show import columns_of, tell
from framework.cli.words import Parser

if TYPE_CHECKING:
    from framework.gitops.gate.report import GateReport
    from framework.gitops.gate.request import GateRequest
    from framework.gitops.gate.run import GateResult


def run(argv: Sequence[str]) -> int:
    """Judge a change; 0 pass or warn, 1 fail, 2 could not run, 3 inconclusive or no effect."""
    args = _parser().parse_args(argv)

    from framework.gitops.desired.revision import Revision
    from framework.gitops.gate.request import GateRequest
    from framework.gitops.gate.run import run_gate
    from framework.gitops.repo.git import Git
    from framework.session.provenance import code_sha
    from framework.settings.resolve import find_root

    root = args.repo or find_root()
    git = Git(root)
    rows, agent_rows, append = journals(git, root, args.journal, args.remote, sign=args.sign)
    with (
        Revision.open(git, args.base) as asked,
        asked.readable() as base,
        Revision.open(git, args.head) as head,
    ):
        request = GateRequest(
            base=base,
            head=head,
            environment=args.environment,
            home=root,
            rows=rows,
            agent_rows=agent_rows,
            append=append,
            code_sha=code_sha(root),
            workers=args.workers,
            everything=args.all,
            spent_only=args.spent,
            published=args.remote is not None,
        )
        if args.spend:
            return _spend(request, as_json=args.json)
        result = run_gate(request)
        if not args.json:
            print(asked.unread_note(base) + head.uncommitted_note(), end="", file=sys.stderr)
        show(result.report, out=args.out, out_md=args.out_md, as_json=args.json)
        if args.out is not None:
            _write_bundle(result, args.out / "bundles")
    return result.outcome.exit_code


def _spend(request: GateRequest, *, as_json: bool) -> int:
    """Publish what looking will cost, and look at nothing."""
    from dataclasses import asdict

    from framework.files.atomic import canonical_json
    from framework.gitops.gate.run import spend_looks

    looks = spend_looks(request)
    if as_json:
        print(canonical_json({name: asdict(given) for name, given in looks.items()}))
        return 0
    for name, given in looks.items():
        word = "KNOWN" if given.repeated else "SPENT"
        print(f"| look | {word} | environment={name} attempt={given.number} of {given.quarter} |")
    if not looks:
        print("no tape has to be looked at: nothing to spend")
    return 0


def _write_bundle(result: GateResult, into: Path) -> None:
    from framework.gitops.gate.bundle import write_bundle
    from framework.gitops.gate.report import gate_markdown

    folder = write_bundle(result.plain, result.inputs, markdown=gate_markdown(result.report), into=into)
    print(f"evidence: {folder}", file=sys.stderr)


def _parser() -> Parser:
    parser = Parser(
        prog="quoteops gitops gate", description="Judge a change on the evidence tapes, against what runs."
    )
    parser.add_argument("--base", required=True, metavar="REF", help="what runs today")
    parser.add_argument("--head", required=True, metavar="REF", help="what shall run; it contains the base")
    parser.add_argument("--environment", metavar="NAME", help="this environment alone")
    parser.add_argument("--all", action="store_true", help="judge too what a check is enough for")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="the repository (this one)")
    parser.add_argument(
        "--journal",
        type=Path,
        metavar="F",
        help="journal of attempts and verdicts (artifacts/gitops/<environment>/journal.jsonl)",
    )
    parser.add_argument(
        "--remote", metavar="NAME", help="count the attempts published there instead, and publish this one"
    )
    parser.add_argument("--sign", type=Path, metavar="KEY", help="SSH private key that signs the verdict")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for gate.json, gate.md and the bundle"
    )
    parser.add_argument("--out-md", type=Path, metavar="F", help="append the Markdown summary to a file")
    looks = parser.add_mutually_exclusive_group()
    looks.add_argument(
        "--spend", action="store_true", help="journal the looks this takes, and look at nothing yet"
    )
    looks.add_argument("--spent", action="store_true", help="take no look that the journal does not hold")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (the cores); 0 for none")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def show(report: GateReport, *, out: Path | None, out_md: Path | None, as_json: bool) -> None:
    """Write a gate's report where it is asked for, and print it."""
    from framework.files.atomic import canonical_json, write_atomic, write_json
    from framework.gitops.gate.report import gate_lines, gate_markdown

    markdown = gate_markdown(report)
    if out is not None:
        write_json(path=out / "gate.json", value=report.as_dict())
        write_atomic(path=out / "gate.md", data=markdown)
    if out_md is not None:
        out_md.parent.mkdir(parents=True, exist_ok=True)
        # A job's summary already holds other steps' words.
        with out_md.open("a", encoding="utf-8") as file:
            file.write(markdown)
    if as_json:
        print(canonical_json(report.as_dict()))
    else:
        tell("\n".join(gate_lines(report, columns=columns_of(sys.stdout))))


def journals(
    git: Any, root: Path, path: Path | None, remote: str | None, *, sign: Path | None = None
) -> tuple[Any, Any, Any]:
    """Give what reads an environment's attempts, what reads its agent's journal, and what journals one
    more.
    """
    from framework.gitops.repo.entry_signatures import signed_by
    from framework.gitops.repo.journal_branch import (
        append_published,
        fetch_published,
        fetch_tip,
        journal_name,
        read_newest,
    )
    from framework.journal.journal import Journal, Kind

    signing = None if sign is None else signed_by(sign.resolve())

    def file(environment: str) -> Path:
        return path or root / "artifacts" / "gitops" / environment / "journal.jsonl"

    def local(environment: str) -> Any:
        return Journal(file(environment)).entries() if file(environment).is_file() else ()

    def append(environment: str, kind: Kind, data: Mapping[str, Any]) -> None:
        Journal(file(environment), sign=signing).append(kind=kind, data=data)

    def published(environment: str) -> Any:
        journal = fetch_published(git, str(remote), journal_name(environment))
        return () if journal is None else journal.entries

    def agent(environment: str) -> Any:
        tip = fetch_tip(git, str(remote))
        newest = None if tip is None else read_newest(git, tip, environment)
        return () if newest is None else newest.entries  # its first entry carries what all before say

    def spend(environment: str, kind: Kind, data: Mapping[str, Any]) -> None:
        """Publish a look before it is taken; verdicts are left to ``record`` and ``promote``."""
        if kind is Kind.ATTEMPT:
            append_published(git, str(remote), journal_name(environment), [(kind, data)])

    return (local, local, append) if remote is None else (published, agent, spend)
