"""A picture of a report under a pointer: ``python -m tests.soak.hovered REPORT PNG``, for docs/images."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.soak.browser import browser

PLOTS = """[...document.querySelectorAll('[data-chart=market] .u-over')].map(e => {
  const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] })"""


def main(page: Path, picture: Path) -> None:
    """Come closer to a tenth of the market, put the pointer on a fill, and take the picture."""
    with tempfile.TemporaryDirectory() as profile, browser(page, profile=Path(profile), height=640) as tab:
        tab.run("document.querySelector('#market').scrollIntoView()")
        x, y, width, height = tab.run(PLOTS)[0]
        middle = y + height / 2
        tab.mouse("mousePressed", x + 0.5 * width, middle, buttons=1, clicks=1)
        tab.mouse("mouseMoved", x + 0.6 * width, middle, buttons=1)
        tab.mouse("mouseReleased", x + 0.6 * width, middle, clicks=1)
        places = [
            (x + k, y + share * height)
            for k in range(int(width / 3), int(width), 6)
            for share in (0.3, 0.5, 0.7)
        ]
        for place in places:
            tab.mouse("mouseMoved", *place)
            if tab.run("document.querySelector('[data-chart=market] .fill:not([hidden])') !== null"):
                break
        tab.run("new Promise(done => setTimeout(done, 300))")
        tab.picture(picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
