"""``quoteops overrides show`` and ``diff``: what a patch replaces, and what that does to risk."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from framework.cli.show import tell
from framework.cli.words import columns
from framework.files.atomic import canonical_json
from framework.settings.compose import Composed, compose_run
from framework.settings.documents import cut
from framework.settings.errors import ConfigError
from framework.settings.explain import Laid, laid_over, said
from framework.settings.overrides import apply_patch, changes_between, direction_of
from framework.settings.patch import VARIABLE, Patch, parse_patch, patch_of_environment, read_patch
from framework.settings.schema.run import RunSettings
from framework.settings.validate import shown_value


def run_show(args: argparse.Namespace) -> int:
    """Print each value of a patch, what it replaces and what that means; return 0."""
    words = list(args.words)
    if args.file is not None and "=" in args.file:
        words.insert(0, args.file)
        args.file = None
    composed = beneath(words)
    patch = _read(args.file or _default(composed), composed.root)
    laid = laid_over(composed.settings, patch)
    above = patch_of_environment(os.environ)
    over = [] if above is None else laid_over(apply_patch(composed.settings, patch), above)
    expires = patch.document.data.get("expires") or "never"
    head = {"file": patch.document.where, "reason": patch.reason, "owner": patch.owner, "expires": expires}
    if args.json:
        rows = {"overrides": [asdict(row) for row in laid], "environment": [asdict(row) for row in over]}
        print(canonical_json({**head, **rows}))
        return 0
    for line in columns([[key, cut(str(value), 400)] for key, value in head.items()]):
        print(line)
    print("")
    title = ["name", "value", "beneath", "unit", "allowed", "reload", "effect", "where"]
    table = [
        [row.name, shown_value(row.value), shown_value(row.beneath), row.unit or "-", *_meaning(row)]
        for row in (*laid, *over)
    ]
    tell("\n".join(columns([title, *table])))
    return 0


def _meaning(row: Laid) -> tuple[str, str, str, str]:
    return row.allowed, row.reload, row.effect, row.where


def run_diff(args: argparse.Namespace) -> int:
    """Print what changes from one patch to another; return 0."""
    if args.a == args.b == "-":
        raise ConfigError("quoteops overrides diff: - is given twice; allowed once")
    composed = beneath(args.words)
    old, new = (_read(name, composed.root) for name in (args.a, args.b))
    tell("\n".join(report(composed, old, new, as_json=args.json)))
    return 0


def report(composed: Composed, old: Patch | None, new: Patch, *, as_json: bool) -> list[str]:
    """Say what changes between two patches over the same settings, and its direction of risk."""
    changes = changes_between(_applied(composed, old), apply_patch(composed.settings, new))
    direction = direction_of(changes)
    heads = {
        key: [None if old is None else old.document.data.get(key), new.document.data.get(key)]
        for key in ("reason", "owner", "expires")
    }
    heads = {key: pair for key, pair in heads.items() if pair[0] != pair[1]}
    if as_json:
        rows = [{**asdict(change), "effect": said(change.effect)} for change in changes]
        return [canonical_json({"changes": rows, "direction": direction, "head": heads})]
    table = [
        [c.name, f"{shown_value(c.old)} -> {shown_value(c.new)}", c.unit or "-", c.reload, said(c.effect)]
        for c in changes
    ]
    lines = [f"{key}: {shown_value(one)} -> {shown_value(two)}" for key, (one, two) in heads.items()]
    return [*columns(table), *lines, f"direction: {direction}"]


def _applied(composed: Composed, old: Patch | None) -> RunSettings:
    if old is None:
        return composed.settings
    try:
        return apply_patch(composed.settings, old)
    except ConfigError:  # a patch that contradicted itself was never in force
        return composed.settings


def _read(name: str, root: Path) -> Patch:
    if name != "-":
        if hint := meant(Path(name), root):
            raise ConfigError(f"{name}: is no file here; allowed a patch{hint}")
        return read_patch(Path(name), root=root)
    text = sys.stdin.read()
    return parse_patch(text, where="stdin", json=text.lstrip().startswith("{"))


def meant(path: Path, root: Path) -> str:
    """Return "; did you mean X?" for a bare name of a patch in runtime_overrides/, else nothing."""
    candidate = f"runtime_overrides/{path.name}.yaml"
    known = not path.suffix and not path.exists() and (root / candidate).is_file()
    return f"; did you mean {candidate}?" if known else ""


def beneath(words: Sequence[str]) -> Composed:
    """Compose what lies beneath a patch: no overrides file, no variable of overrides."""
    environ = {key: value for key, value in os.environ.items() if key != VARIABLE}
    return compose_run(words=["soak.overrides_file=null", *words], environ=environ)


def _default(composed: Composed) -> str:
    name = compose_run(root=composed.root, environ={}).settings.soak.overrides_file
    if name is None:
        raise ConfigError("quoteops overrides show: soak.overrides_file is null; allowed a FILE")
    return str(composed.root / name)
