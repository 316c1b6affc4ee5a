"""Change a patch file in place: every byte that is not part of a changed value stays as a person wrote it.

A YAML writer that reads and writes the whole file, even a careful one, joins folded sentences, moves
indents and comments, and mixes line ends. Here the parser only says where a value stands in the text.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from framework.settings.documents import parse_yaml, read_scalar
from framework.settings.errors import ConfigError

OVERRIDES = "overrides"


def edit_patch(
    text: str, *, where: str, values: Mapping[str, str | None], head: Mapping[str, str | None]
) -> str:
    """Return the text with new values below ``overrides`` and new head lines (reason, owner, expires).

    Values are given as written (``0.10`` stays ``0.10``), None removes one. What cannot be placed without
    touching anything else is refused with ``ConfigError``. The result is not yet checked as a patch.
    """
    from yaml import YAMLError

    data = parse_yaml(text, where=where).data
    if not isinstance(data.get(OVERRIDES) or {}, dict):
        raise ConfigError(f"{where}: overrides is not a mapping; allowed names with values")
    expected = _expected(data, values, head)
    try:
        changed = _changed(text, values, head)
        back = parse_yaml(changed, where=where).data
        same = {**back, OVERRIDES: back.get(OVERRIDES) or None} == expected  # {} is nothing, too
    except (ConfigError, YAMLError):
        same = False
    if not same:
        raise ConfigError(f"{where}: is written in a way that cannot be changed in place; edit it by hand")
    return changed


def new_patch(*, values: Mapping[str, str], head: Mapping[str, str]) -> str:
    """Return the text of a new patch file."""
    lines = [f"{key}: {written(value)}" for key, value in head.items()]
    lines += [f"{OVERRIDES}:", *(f"  {key}: {value}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """Return a text as a YAML value: plain where that reads back as the same text, else quoted."""
    quoted = json.dumps(text, ensure_ascii=False)
    if re.fullmatch(r"\S(.*\S)?", text) is None:
        return quoted
    try:
        back = parse_yaml(f"k: {text}\nl: 1\n", where="").data
    except ConfigError:
        return quoted
    return text if back == {"k": text, "l": 1} else quoted


def _changed(text: str, values: Mapping[str, str | None], head: Mapping[str, str | None]) -> str:
    for key, value in head.items():
        text = _put(text, (), key, None if value is None else written(value))
    if OVERRIDES not in [name.value for name, _ in getattr(_mapping(text, ()), "value", ())]:
        text = _put(text, (), OVERRIDES, "")
    for key, value in values.items():
        text = _put(text, (OVERRIDES,), key, value)
    return text


def _expected(
    data: dict[str, Any], values: Mapping[str, str | None], head: Mapping[str, str | None]
) -> dict[str, Any]:
    overrides = dict(data.get(OVERRIDES) or {})
    for key, text in values.items():
        overrides.pop(key, None) if text is None else overrides.update({key: _read(text)})
    result: dict[str, Any] = {**data, **head, OVERRIDES: overrides or None}
    return {key: value for key, value in result.items() if value is not None or key not in head}


def _read(text: str) -> Any:
    return json.loads(text) if text.startswith('"') else read_scalar(text)


def _put(text: str, path: tuple[str, ...], key: str, value: str | None) -> str:
    """Replace, add or remove one key of the mapping at a path."""
    mapping = _mapping(text, path)
    pairs = [] if mapping is None else mapping.value
    at = next((n for n, (name, _) in enumerate(pairs) if name.value == key), None)
    if value is None:
        return text if at is None else _remove(text, mapping, at)
    if at is not None:
        node = pairs[at][1]
        start, end = node.start_mark.index, _end(text, node)
        space = " " if start == end and text[start - 1 : start] == ":" else ""
        return f"{text[:start]}{space}{value}{text[end:]}"
    if not pairs:
        return _fill(text, path, key, value)
    first, last = pairs[0][0], _last(pairs, behind=None if path or key == OVERRIDES else OVERRIDES)
    if mapping.flow_style:
        end = _end(text, last)
        return f"{text[:end]}, {key}: {value}{text[end:]}"
    return _add_line(text, _end(text, last), f"{' ' * first.start_mark.column}{_line(key, value)}")


def _last(pairs: Any, *, behind: str | None) -> Any:
    """Return the value to add behind: the last one, or the last before the key that should stay behind."""
    names = [name.value for name, _ in pairs]
    at = names.index(behind) if behind in names[1:] else len(names)
    return pairs[at - 1][1]


def _remove(text: str, mapping: Any, at: int) -> str:
    """Take one key out; a comment behind it on its line goes with it, one above it stays."""
    name, node = mapping.value[at]
    start, end = name.start_mark.index, _end(text, node)
    if mapping.flow_style:
        if at + 1 < len(mapping.value):
            return text[:start] + text[mapping.value[at + 1][0].start_mark.index :]
        if at == 0 and (comma := re.match(r"\s*,", text[end:])):
            end += comma.end()
        before = _end(text, mapping.value[at - 1][1]) if at else start
        return text[:before] + text[end:]
    start = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    return text[:start] + (text[stop + 1 :] if stop >= 0 else "")


def _fill(text: str, path: tuple[str, ...], key: str, value: str) -> str:
    """Add the first key to a mapping that is written as nothing or as {}."""
    if not path:
        return _add_line(text, len(text), _line(key, value))
    parent = _mapping(text, path[:-1])
    node = next(node for name, node in parent.value if name.value == path[-1])
    start, end = node.start_mark.index, _end(text, node)
    if text[start:end].startswith("{"):
        return f"{text[:start]}{{{key}: {value}}}{text[end:]}"
    return _add_line(text[:start] + text[end:], start, f"  {_line(key, value)}")


def _add_line(text: str, after: int, line: str) -> str:
    """Add a line below the one that holds the position, ending as the file's lines end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    stop = text.find("\n", after)
    if stop < 0:
        return f"{text}{newline}{line}{newline}"
    return f"{text[: stop + 1]}{line}{newline}{text[stop + 1 :]}"


def _line(key: str, value: str) -> str:
    return f"{key}: {value}".rstrip()


def _end(text: str, node: Any) -> int:
    """Return where a value's own text ends, without the white space and comments that follow it."""
    if getattr(node, "flow_style", None) is False and node.value:  # an indented block: its last item's end
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    start = int(node.start_mark.index)
    return start + len(text[start : node.end_mark.index].rstrip())


def _mapping(text: str, path: tuple[str, ...]) -> Any:
    """Return the parser's node of the mapping at a path; None where nothing is written."""
    import yaml

    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for part in path:
        node = next(value for name, value in node.value if name.value == part)
    return node if isinstance(node, yaml.MappingNode) else None
