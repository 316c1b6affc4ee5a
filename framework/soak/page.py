"""report.html: the soak on one self-contained page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.soak.run import SoakResult


def render_page(result: SoakResult) -> str:
    """Render the page."""
    return f"<!doctype html><title>Soak</title><h1>{escape(result.gate['verdict'])}</h1>"
