"""The plan of the house, drawn from its code: ``python -m tests.house.plan`` writes docs/images/plan.svg.

A row and a column a room, floors from the top down as the contract in pyproject.toml orders them. A mark says
that the room of its row imports from the room of its column, darker for more; the floors hold when all stand
right of the diagonal. Marks and bars have coarse steps, so that few changes of the code need a new picture.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from tests.house.tree import ROOT, rooms

PICTURE = ROOT / "docs" / "images" / "plan.svg"
ROW, CELL, NAME, SAYS, SIZE, TOP = 26, 26, 96, 504, 96, 82
PURE, IMPURE = "#3b8f6b", "#7a8694"
LEGEND = (
    "green: pure, without I/O, clock, logging or randomness; half green: in part"
    " · blue: the row's room imports the column's"
)
MANY, SHADES = (2, 8, 20), (0.2, 0.4, 0.65, 0.95)


def contracts() -> dict[str, Any]:
    """Give the import contracts by the first word of their names."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    return {contract["name"].split()[0].rstrip(":"): contract for contract in config}


def floors() -> list[str]:
    """Give the rooms that exist, highest floor first; ``errors`` is a module and left out."""
    return [name for name in contracts()["Floors"]["layers"] if name in set(rooms())]


def room_of(module: str) -> str:
    """Give the room of a dotted module of the framework."""
    return module.split(".")[1]


def imports() -> Counter[tuple[str, str]]:
    """Count the imports from one room to another, those inside functions included."""
    found: Counter[tuple[str, str]] = Counter()
    for path in (ROOT / "framework").rglob("*.py"):
        room = path.relative_to(ROOT / "framework").parts[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if name.startswith("framework.") and room_of(name) != room:
                    found[room, room_of(name)] += 1
    return found


def says(room: str) -> str:
    """Give the sentence a room says of itself."""
    text = (ROOT / "framework" / room / "__init__.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]


def lines_of(room: str) -> int:
    """Count the lines of a room's code."""
    return sum(path.read_text("utf-8").count("\n") for path in (ROOT / "framework" / room).rglob("*.py"))


def purity(room: str) -> str:
    """Tell whether the contract of purity names the whole room, a part of it, or nothing."""
    pure = [name for name in contracts()["Pure"]["pure_modules"] if room_of(name) == room]
    return "all" if f"framework.{room}" in pure else "part" if pure else "none"


def drawing() -> str:
    """Draw the plan as an SVG that reads on white and on black."""
    order, counted = floors(), imports()
    left = NAME + SAYS + SIZE
    width, height = left + CELL * len(order) + 16, TOP + ROW * len(order) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="title" '
        f'font-family="system-ui, -apple-system, \'Segoe UI\', Helvetica, Arial, sans-serif" font-size="12">',
        '<title id="title">The rooms of the framework on their floors, and how many imports go from each to '
        "those below it; none goes up.</title>",
    ]
    for k, room in enumerate(order):
        parts += _row(k, room, left) + _column(k, room, left)
        for n, other in enumerate(order):
            parts += _cell(left + CELL * n, TOP + ROW * k, counted[room, other], same=k == n)
    parts += [
        f'<text x="{NAME + SAYS}" y="{TOP - 8}" fill="#7a8694" font-size="11">lines of code</text>',
        f'<text x="12" y="{height - 10}" fill="#7a8694" font-size="11">{LEGEND}',
        "</text></svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(k: int, room: str, left: int) -> list[str]:
    y = TOP + ROW * k
    kind = purity(room)
    fill = PURE if kind == "all" else IMPURE
    bar = 3 * max(1, round(lines_of(room) / 500))
    half = (
        f'<rect x="8" y="{y + 4}" width="4" height="{(ROW - 8) / 2:g}" fill="{PURE}"/>'
        if kind == "part"
        else ""
    )
    return [
        f'<rect x="8" y="{y + 4}" width="4" height="{ROW - 8}" fill="{fill}"/>{half}',
        f'<text x="20" y="{y + 17}" fill="#2f6fb3" font-weight="600">{room}</text>',
        f'<text x="{NAME}" y="{y + 17}" fill="#7a8694" font-size="11">{escape(_short(says(room)))}</text>',
        f'<rect x="{NAME + SAYS}" y="{y + 9}" width="{bar}" height="8" rx="2" fill="#c8a24a"/>',
        f'<path d="M8 {y + ROW} H{left}" stroke="#7a8694" stroke-opacity=".25"/>',
    ]


def _short(text: str, limit: int = 88) -> str:
    return (
        text.rstrip(".") if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0].rstrip(",;:") + " …"
    )


def _column(n: int, room: str, left: int) -> list[str]:
    x = left + CELL * n + CELL / 2 + 4
    place = f"translate({x:g} {TOP - 6}) rotate(-60)"
    return [f'<text transform="{place}" fill="#2f6fb3" font-size="11">{room}</text>']


def _cell(x: int, y: int, count: int, *, same: bool) -> list[str]:
    if not same and count == 0:
        return []
    fill = "#7a8694" if same else "#2f6fb3"
    shade = 0.35 if same else SHADES[sum(count > limit for limit in MANY)]
    return [
        f'<rect x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{ROW - 2}" rx="3" fill="{fill}" '
        f'opacity="{shade}"/>'
    ]


def main(path: Path = PICTURE) -> None:
    """Write the picture."""
    path.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
