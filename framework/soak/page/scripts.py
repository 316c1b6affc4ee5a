"""What runs in the reader's browser: a library and the page's own script, allowed by their digests alone."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from framework.soak.page.live import LiveChart

HERE = Path(__file__).parent
VENDOR = HERE / "vendor"
LIBRARY = "uPlot.iife.min.js"
STYLE = VENDOR / "uPlot.min.css"


@dataclass(frozen=True, kw_only=True)
class Scripts:
    """Two scripts, what they draw, the licence of the first and the policy that allows them and no other."""

    library: str
    own: str
    licence: str
    data: str
    policy: str


def scripts_for(charts: Sequence[LiveChart]) -> Scripts:
    """Give the scripts of a page with these charts."""
    library, own = (path.read_text("utf-8") for path in (VENDOR / LIBRARY, HERE / "charts.js"))
    data = json.dumps([asdict(chart) for chart in charts], separators=(",", ":"), allow_nan=False)
    return Scripts(
        library=library,
        own=own,
        licence=(VENDOR / "uPlot.LICENSE.txt").read_text("utf-8"),
        data=data.replace("<", "\\u003c"),
        policy=" ".join(f"'sha256-{_digest(text)}'" for text in (library, own)),
    )


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode("ascii")
