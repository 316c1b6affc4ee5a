"""Lists of values in a sweep's words: what Hydra's grammar cannot read is refused in words of ours."""

from __future__ import annotations

from collections.abc import Sequence

from framework.settings.errors import ConfigError

ALLOWED = "allowed one value, A,B,C, choice(A,B) or range(FROM,TO,STEP), and quotes around what holds a comma"


def check_lists(ready: Sequence[str], *, typed: Sequence[str]) -> None:
    """Refuse a word, named as it was typed, that cannot be read or lists no values; raises ConfigError."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Override
    from hydra.errors import HydraException

    def fault(word: str) -> str:
        try:
            read: Override = OverridesParser.create().parse_override(word)
            if not read.is_sweep_override():
                return ""
            globbed = read.is_glob() if hasattr(read, "is_glob") else "glob(" in word
            if not read.is_discrete_sweep() or (globbed and word.startswith("++")):
                return "names no values one by one"
            return "" if globbed or next(iter(read.sweep_string_iterator()), None) else "lists no values"
        except (HydraException, ValueError):
            return "cannot be read"

    for word in ready:
        if said := fault(word):
            raise ConfigError(f"command line: {_as_typed(word, typed)} {said}; {ALLOWED}")


def _as_typed(word: str, typed: Sequence[str]) -> str:
    plain = word.removeprefix("++")
    key = plain.partition("=")[0]
    return next((one for one in typed if one.partition("=")[0] == key), plain)
