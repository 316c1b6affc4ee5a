"""The grammar of the documents: flags of the first soak runner, and overrides written by hand before it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.files.atomic import write_atomic
from framework.files.errors import FileError
from framework.files.hints import did_you_mean
from framework.settings.errors import ConfigError

VALUES = {"--hours": "soak.hours", "--iterations": "soak.iterations"}
SWITCHES = {"--auto-tune": "soak.auto_tune=true"}
EXPORTS = {
    "--export-json": "reports/soak_metrics.json",
    "--export-md": "reports/SOAK_RESULTS.md",
    "--gate-summary": "reports/gates_summary.json",
}
DOCUMENTED = (*VALUES, *SWITCHES, *EXPORTS)
INPUT = "soak.overrides_file"


def translated(argv: Sequence[str]) -> tuple[list[str], dict[str, Path]]:
    """Put words in the place of documented flags; give the rest and where copies of reports are to go.

    Raises ConfigError for a flag without its value.
    """
    rest: list[str] = []
    exports: dict[str, Path] = {}
    left = list(argv)
    while left:
        flag, equals, value = left.pop(0).partition("=")
        if flag in SWITCHES and not equals:
            rest.append(SWITCHES[flag])
        elif flag not in VALUES and flag not in EXPORTS:
            rest.append(f"{flag}{equals}{value}")
        else:
            if not equals and left and not left[0].startswith("-"):
                value = left.pop(0)
            if not value:
                means = f"{flag} N, or the word {VALUES[flag]}=N" if flag in VALUES else f"{flag} FILE"
                raise ConfigError(f"quoteops soak: {flag} needs a value; allowed {means}")
            if flag in VALUES:
                rest.append(f"{VALUES[flag]}={value}")
            else:
                exports[EXPORTS[flag]] = Path(value)
    return rest, exports


def meant_by(flag: str, allowed: Sequence[str]) -> str:
    """Return what a misspelt flag means: a flag, the word a documented one stands for, or words at all."""
    hint = did_you_mean(flag, [*allowed, *DOCUMENTED])
    near = hint.rpartition(" ")[2].rstrip("?")
    if not near:
        return "; did you mean a word, like profile=conservative?"
    word = f"{VALUES[near]}=N" if near in VALUES else SWITCHES.get(near)
    return hint if word is None else f"; did you mean the word {word}, or {near}?"


def with_input(words: Sequence[str], *, root: Path) -> tuple[list[str], list[str]]:
    """Add the overrides that somebody wrote to the documented place as this run's start; give words and what
    to say of it.

    Words that name another start win.
    """
    from framework.session.published import written_by_hand

    file = written_by_hand(root / "artifacts")
    if file is None:
        return list(words), []
    name = file.relative_to(root).as_posix()
    other = next((w for w in words if w.startswith((f"{INPUT}=", "soak.environment="))), None)
    if other is not None:
        return list(words), [f"| overrides | IGNORED | {name} was written by hand, but {other} is said |"]
    told = f"| overrides | INPUT | {name} was written by hand: this run starts from it |"
    return [*words, f"{INPUT}={os.path.relpath(file)}"], [told]


def export(run: Path, *, exports: Mapping[str, Path]) -> None:
    """Copy reports of a run to where they were asked for; raises FileError."""
    for name, target in exports.items():
        try:
            if target.exists() and target.samefile(run / name):
                continue
            data = (run / name).read_bytes()
        except OSError as error:
            raise FileError(f"{target}: cannot write: {error.strerror or error}") from error
        write_atomic(path=target, data=data)
