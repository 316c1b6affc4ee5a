"""Text that ends in a terminal or a log line: one line, and nothing that moves a cursor or hides a letter."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, formats (bidirectional marks, zero-width letters), half characters, line and paragraph breaks."""


def unseen(text: str, *, allowed: str = "") -> str:
    """Name the first letter that cannot be seen, as U+2028; nothing when every one can be."""
    printed = text
    for letter in allowed:
        printed = printed.replace(letter, "")
    if printed.isprintable():
        return ""
    hidden = next((c for c in text if c not in allowed and unicodedata.category(c) in _UNSEEN), None)
    return "" if hidden is None else f"U+{ord(hidden):04X}"


def visible(text: str) -> str:
    """Return a text with each letter that cannot be seen as a question mark."""
    if text.isprintable():
        return text
    return "".join("?" if unicodedata.category(letter) in _UNSEEN else letter for letter in text)


def one_line(text: str) -> str:
    """Return a text on one line, each letter that cannot be seen as a question mark."""
    return visible(" ".join(text.split()))
