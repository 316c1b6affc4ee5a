"""README.md as a newcomer types it: a section's blocks in order, and whether what it prints is printed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.command import REPOSITORY

BLOCK = re.compile(r"^```(sh|text)( \(another terminal\))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HASH = re.compile(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{8,64}\b")
FIGURE = re.compile(r"(?:(?<!\w)[-+])?\d[\d,]*(?:\.\d+)?")
CUT = "…"


@dataclass(frozen=True)
class Block:
    """Commands, or what they print; ``aside`` in a terminal of its own."""

    prints: bool
    aside: bool
    text: str


def blocks(section: str) -> list[Block]:
    """Give a section's blocks in order."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    part = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [Block(kind == "text", bool(aside), body) for kind, aside, body in BLOCK.findall(part)]


def check_printed(block: str, out: str) -> None:
    """Hold a printed block to an output, figures and hashes aside: line for line, but where it says ``…``."""
    lines = [line for line in map(masked, out.splitlines()) if line]
    at, cut = 0, True  # what comes before the first line may be left out, what comes after the last may not
    for wanted in filter(None, map(masked, block.splitlines())):
        if wanted == CUT:
            cut = True
            continue
        found = [n for n in range(at, len(lines)) if _like(wanted, lines[n])]
        assert found, f"README prints {wanted!r}, which is not printed any more:\n{out}"
        assert cut or found[0] == at, (
            f"between README's lines, before {wanted!r}, stands {lines[at]!r}:\n{out}"
        )
        at, cut = found[0] + 1, False
    assert cut or at == len(lines), f"README ends before {lines[at]!r} without {CUT}:\n{out}"


def masked(line: str) -> str:
    """Return a line with one blank between words, a letter for each hash and for each figure."""
    return " ".join(FIGURE.sub("N", HASH.sub("H", line)).split())


def _like(wanted: str, line: str) -> bool:
    parts = re.split(f"{CUT}|<id>", wanted)
    return re.fullmatch(".*".join(map(re.escape, parts)), line) is not None
