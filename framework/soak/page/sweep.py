"""The page of a sweep."""

from typing import Any


def render_sweep(sweep: dict[str, Any]) -> str:
    """Render a sweep as one HTML page."""
    return "<!doctype html>"
