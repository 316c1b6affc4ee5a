"""``quoteops edge``: audit in the documents' convention, extended report, sentinel."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from framework.cli.words import Parser
from framework.files.atomic import canonical_json, read_text, write_atomic, write_json
from framework.files.moments import MINUTE_FORM, iso_utc, utc_words
from framework.units import MS

if TYPE_CHECKING:
    from framework.edge.sentinel import Loss


def run(argv: Sequence[str]) -> int:
    """Run one of audit, report, sentinel; 0 when it did what was asked, 2 when it could not."""
    args = _parser().parse_args(argv)
    code: int = args.run(args)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="quoteops edge", description="Audit, extend and rank what fills earned; input is JSON lines."
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    audit = verbs.add_parser(
        "audit", help="per-symbol and total edge of trades and quotes (convention audit_v1)"
    )
    audit.add_argument("--trades", type=Path, required=True, metavar="F", help="JSON lines, one fill each")
    audit.add_argument("--quotes", type=Path, required=True, metavar="F", help="JSON lines, best bid and ask")
    audit.add_argument("--out", type=Path, required=True, metavar="F", help="report to write")
    audit.add_argument("--json", action="store_true", help="print the report too")
    audit.set_defaults(run=_audit)

    report = verbs.add_parser("report", help="extend a report by what its audit log knows")
    report.add_argument("--inputs", type=Path, required=True, metavar="F", help="edge or audit report (JSON)")
    report.add_argument("--audit", type=Path, required=True, metavar="F", help="audit log (JSON lines)")
    report.add_argument("--out-json", type=Path, required=True, metavar="F", help="EDGE_REPORT.json to write")
    report.add_argument("--json", action="store_true", help="print the report too")
    report.set_defaults(run=_report)

    sentinel = verbs.add_parser("sentinel", help="worst buckets and symbols, with one line of advice each")
    sentinel.add_argument("--trades", type=Path, required=True, metavar="F", help="JSON lines, one fill each")
    sentinel.add_argument(
        "--bucket-min", type=_positive, default=15, metavar="N", help="minutes a bucket (15)"
    )
    sentinel.add_argument("--worst", type=_positive, default=5, metavar="N", help="how many to list (5)")
    sentinel.add_argument("--out-json", type=Path, metavar="F", help="file to write the ranking to")
    sentinel.add_argument("--json", action="store_true", help="print the ranking as JSON")
    sentinel.set_defaults(run=_sentinel)
    return parser


def _positive(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; allowed whole numbers from 1 to 100000")
    return value


def _audit(args: argparse.Namespace) -> int:
    from framework.edge import audit_v1, rows

    trades, quotes = rows.read_trades(args.trades), rows.read_quotes(args.quotes)
    utc = os.environ.get("MM_FREEZE_UTC_ISO") or iso_utc(datetime.now(UTC), timespec="seconds")
    text = audit_v1.audit(trades=trades, quotes=quotes, utc=utc).text()
    write_atomic(path=args.out, data=text)
    if args.json:
        sys.stdout.write(text)
    else:
        print(f"| edge_audit | OK | FILLS={len(trades)} OUT={args.out} |")
    return 0


def _report(args: argparse.Namespace) -> int:
    from framework.edge.extended import extend_report
    from framework.edge.rows import parse_object, read_audit
    from framework.edge.section import slippage_marker

    base = parse_object(text=read_text(args.inputs), where=str(args.inputs))
    report = extend_report(base=base, audit=read_audit(args.audit), where=str(args.inputs))
    write_json(path=args.out_json, value=report)
    if args.json:
        print(canonical_json(report))
    else:
        print(f"| edge_report | OK | OUT={args.out_json} |")
        print(slippage_marker(report["totals"].get("slippage_bps_p95")))
    return 0


def _sentinel(args: argparse.Namespace) -> int:
    from framework.edge.rows import read_trades
    from framework.edge.sentinel import watch

    ranking = watch(trades=read_trades(args.trades), bucket_min=args.bucket_min, worst=args.worst)
    if args.out_json is not None:
        write_json(path=args.out_json, value=ranking.as_dict())
    if args.json:
        print(canonical_json(ranking.as_dict()))
        return 0
    for loss in (*ranking.symbols, *ranking.buckets):
        print(_loss_line(loss))
    print(f"advice: {ranking.advice}")
    return 0


def _loss_line(loss: Loss) -> str:
    at = "" if loss.start_ms is None else f" {utc_words(loss.start_ms * MS, form=MINUTE_FORM)}"
    kind = "symbol" if loss.start_ms is None else "bucket"
    return f"{kind} {loss.symbol + at:<30} {loss.edge_quote:>14.4f} {loss.edge_bps:>9.2f} bps  {loss.advice}"
