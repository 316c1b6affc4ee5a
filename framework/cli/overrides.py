"""``quoteops overrides``: check, show, compare and edit the patches in runtime_overrides/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.cli.show import tell
from framework.cli.words import Parser
from framework.files.atomic import canonical_json, write_atomic
from framework.files.errors import FileError
from framework.settings.errors import ConfigError

if TYPE_CHECKING:
    from framework.settings.patch import Patch

FOLDER = "runtime_overrides"


def run(argv: Sequence[str]) -> int:
    """Run one sub-verb; 0, or 2 for a patch that is wrong."""
    from framework.cli.overrides_show import run_diff, run_show

    parser = Parser(prog="quoteops overrides", description="Patches of what may change while trading.")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    check = verbs.add_parser("check", help="say every fault of every patch, one line each")
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help=f"all of {FOLDER}/ when left out")
    check.set_defaults(verb=_check)
    show = verbs.add_parser("show", help="each value, what it replaces, and what that means")
    show.add_argument("file", nargs="?", metavar="FILE", help="soak.overrides_file when left out")
    show.set_defaults(verb=run_show)
    diff = verbs.add_parser("diff", help="what changes from one patch to another, and its direction of risk")
    diff.add_argument("a", metavar="A", help="patch file, or - for standard input")
    diff.add_argument("b", metavar="B", help="patch file, or - for standard input")
    diff.set_defaults(verb=run_diff)
    for verb in (show, diff):
        verb.add_argument(
            "words",
            nargs="*",
            default=[],
            metavar="group=file",
            help="composition beneath, as of `quoteops soak`",
        )
    change = verbs.add_parser("set", help="change values in place; comments and formatting stay")
    change.add_argument("file", type=Path, metavar="FILE", help="patch to change or to create (.yaml)")
    change.add_argument("values", nargs="*", metavar="name=value", help="name=null removes one")
    change.add_argument("--reason", help="why; needed for a new file")
    change.add_argument("--owner", help="by whose word; needed for a new file")
    change.add_argument("--expires", metavar="MOMENT", help="like 2025-10-13T00:00:00Z; never removes it")
    change.set_defaults(verb=_set)
    for verb in (check, show, diff, change):
        verb.add_argument("--json", action="store_true", help="print one JSON value")
    args = parser.parse_args(argv)
    code: int = args.verb(args)
    return code


def _check(args: argparse.Namespace) -> int:
    from framework.settings.overrides import is_expired
    from framework.settings.resolve import find_root

    root, now = find_root(), datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    for path in args.files or _patches(root):
        name, patch, faults = _examined(path, root)
        row: dict[str, Any] = {"file": name, "faults": faults, "values": len(patch.values) if patch else 0}
        row["expired"] = patch is not None and is_expired(patch, now)
        rows.append(row)
        if args.json:
            continue
        for fault in faults:
            print(f"error: {fault}", file=sys.stderr)
        if patch is not None and row["expired"]:
            where = patch.document.at(("expires",))
            print(f"warning: {where}: expired on {patch.document.data['expires']}", file=sys.stderr)
        if patch is not None:
            print(f"{name}: {len(patch.values)} values: valid")
    if args.json:
        print(canonical_json({"files": rows, "faults": sum(len(row["faults"]) for row in rows)}))
    return 2 if any(row["faults"] for row in rows) else 0


def _patches(root: Path) -> list[Path]:
    folder = root / FOLDER
    files = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    if not files:
        raise ConfigError(f"{FOLDER}: holds no patch; make one with quoteops overrides set")
    return files


def _examined(path: Path, root: Path) -> tuple[str, Patch | None, list[str]]:
    from framework.cli.overrides_show import meant
    from framework.files.bounded import as_given, read_small
    from framework.settings.admit import admit_file

    name = as_given(path, root)
    if path.suffix not in (".yaml", ".json"):
        return name, None, [f"{name}: is not a patch; allowed .yaml and .json{meant(path, root)}"]
    try:
        text = read_small(path, root=root)
    except FileError as error:
        return name, None, [str(error)]
    admitted = admit_file(text, name=name, root=root)
    return name, admitted.patch, list(admitted.faults)


def _set(args: argparse.Namespace) -> int:
    from framework.cli.overrides_show import beneath, meant, report
    from framework.files.bounded import as_given, contained, read_small
    from framework.settings.edit import edit_patch, new_patch
    from framework.settings.patch import examine, parse_patch
    from framework.settings.resolve import find_root

    root, path = find_root(), args.file
    where = as_given(path, root)
    if path.suffix != ".yaml":
        raise ConfigError(
            f"{where}: is not a .yaml file; allowed one, for JSON is written by machines{meant(path, root)}"
        )
    values: dict[str, str | None] = {}
    for name, text in map(_assigned, args.values):
        if name in values:
            raise ConfigError(f"command line: {name} is given twice; allowed once")
        values[name] = text
    head = {key: text for key in ("reason", "owner", "expires") if (text := getattr(args, key)) is not None}
    if not values and not head:
        raise ConfigError("quoteops overrides set: nothing to set; allowed name=value, --reason, --owner")
    old = read_small(path, root=root) if path.is_symlink() or path.exists() else None
    if old is None:
        if not {"reason", "owner"} <= set(head):
            raise ConfigError(f"{where}: is new; say --reason and --owner")
        kept = {name: text for name, text in values.items() if text is not None}
        text = new_patch(values=kept, head={k: v for k, v in head.items() if v != "never"})
    else:
        ends = {key: None if (key, text) == ("expires", "never") else text for key, text in head.items()}
        text = edit_patch(old, where=where, values=values, head=ends)
    patch = parse_patch(text, where=where)
    before = None if old is None else examine(old, where=where)[0]
    lines = report(beneath(()), before, patch, as_json=args.json)
    write_atomic(path=contained(path, root=root), data=text)
    tell("\n".join(lines))
    return 0


def _assigned(word: str) -> tuple[str, str | None]:
    """Split ``name=value``; the value as it will be written, None to remove the name."""
    from framework.settings.documents import cut, read_scalar
    from framework.settings.edit import written

    name, equals, text = word.partition("=")
    if not name or not equals or not text:
        raise ConfigError(
            f"command line: {cut(word)} is not name=value; allowed like tail_age_ms=700, or null to remove"
        )
    try:
        value = read_scalar(text)
    except ValueError as error:
        raise ConfigError(f"command line: {cut(name)}: {error}") from error
    return name, None if value is None else written(text) if isinstance(value, str) else text
