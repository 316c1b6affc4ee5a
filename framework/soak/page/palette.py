"""The page's colours: one table for charts and style sheet, light and dark."""

from __future__ import annotations

COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#fdfdfc", "#14171b"),
    "panel": ("#f5f5f2", "#1b1f24"),
    "rule": ("#e2e2dd", "#2c3138"),
    "grid": ("#ececea", "#23282e"),
    "faint": ("#9a9d9f", "#6c737b"),
    "muted": ("#62676b", "#9aa2aa"),
    "ink": ("#1c2024", "#e6e8ea"),
    "good": ("#1f7a4d", "#58b98a"),
    "warn": ("#a56a00", "#e0a33e"),
    "bad": ("#b3372f", "#ec7a70"),
    "open": ("#4a6283", "#8fabd1"),
    "net": ("#1f4e8c", "#7fb0ee"),
    "gross": ("#2b8a63", "#55b78d"),
    "slippage": ("#c98a12", "#dfae4d"),
    "fees": ("#8a6fb0", "#b29ad6"),
    "adverse": ("#c2463c", "#e57f75"),
    "carry": ("#3f93a8", "#6cbccf"),
}
"""Name: light, dark. Charts use the names; the page says what they mean."""

VERDICT_COLOURS = {"PASS": "good", "WARN": "warn", "FAIL": "bad", "INCONCLUSIVE": "open", "ERROR": "bad"}
