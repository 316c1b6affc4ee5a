"""What was asked of git and what it says of it, without anybody's login."""

import re
from collections.abc import Iterable

_LOGIN = re.compile(r"(?<=//)\S*@")
"""Up to the last @ of a word: a password may hold one, and more of the address is no loss."""


def without_login(text: str) -> str:
    """Return a text without the user and the password of any URL in it."""
    return _LOGIN.sub("", text)


def shown(args: Iterable[str]) -> str:
    """Return the words that say what was asked: the verb and its operands, no flags, no secrets."""
    words, skip = [], False
    for word in args:
        if skip or word == "-c":
            skip = not skip
        elif not word.startswith("-"):
            words.append(without_login(word))
    return " ".join(words)


def reason_of(err: bytes, code: int) -> str:
    """Return the line of git's complaint that says why, without any login."""
    lines = [without_login(line.strip()) for line in err.decode(errors="replace").splitlines()]
    faults = [line for line in lines if line.startswith(("fatal:", "error:", "!", "ERROR"))]
    faults = faults or [line for line in lines if line]
    ways = [line for line in lines if line.startswith("git config --global --add safe.directory")]
    return "; ".join([faults[0][:300], *ways[:1]]) if faults else f"exit code {code}"
