"""Read YAML and JSON as plain data without their traps, remembering the line of every key.

YAML 1.1 reads ``no`` as false, ``010`` as 8 and ``12:30:00`` as 45000, its Python reader takes ``1e-4`` for
text, and both formats let a key appear twice and a number be NaN. Here ``1e-4`` is the number people mean,
and each of the others is refused with its line.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from framework.files.printable import unseen
from framework.settings.errors import ConfigError

Path = tuple[str, ...]

_DEEPEST = 20
_LONGEST = 40
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
_SOMETHING = re.compile(r"[-+]?[0.]*[1-9]")
_NUMBER_IN = re.compile(rf"(?<![\w.+-]){_FLOAT.pattern}(?![\w.])")
SPACES = "\n\r\t"
SEEN = "allowed letters that can be seen, spaces, tabs and ends of lines"
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s*+:)?')
_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?i)yes|no|on|off|true|false"),
        "allowed true or false; quote it if it is a name",
    ),
    (re.compile(r"(?i)[-+]?\.?(nan|inf)"), "allowed finite numbers"),
    (
        re.compile(r"[-+]?0[0-9_]+|[-+]?0[xXbBoO][0-9a-fA-F_]+"),
        "allowed decimal numbers without a leading zero",
    ),
    (re.compile(r"[-+]?[0-9][0-9.]*_[0-9_.]*"), "allowed digits without underscores"),
    (
        re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"),
        "allowed numbers, or a time in quotes",
    ),
)


@dataclass(frozen=True)
class Document:
    """A parsed file: its name as shown to people, its data, and the line of every key and list item."""

    where: str
    data: dict[str, Any]
    lines: dict[Path, int]

    def at(self, path: Path) -> str:
        """Return "file:line" of a key, of its nearest written parent, or the bare file name."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.where}:{self.lines[path[:length]]}"
        return self.where


def parse_yaml(text: str, *, where: str) -> Document:
    """Parse one YAML mapping. Raises ``ConfigError`` with file and line."""
    import yaml

    _check_seen(text, where)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Event by event: what nests without end is refused before the rest of it is read.
        return _Reader(where, yaml.parse(text, Loader=loader)).document()
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{where}{line}: is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: is not YAML: {' '.join(str(error).split())}") from error


def parse_json(text: str, *, where: str) -> Document:
    """Parse one JSON object. Raises ``ConfigError`` with the file, and the line where it is known."""
    text = text.removeprefix("\ufeff")  # as YAML readers do; some editors write one
    _check_seen(text, where)
    try:
        data = json.loads(
            text,
            object_pairs_hook=_unique(where),
            parse_constant=_finite(where),
            parse_int=_whole(where),
            parse_float=_exact(where),
        )
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}:{error.lineno}: is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: nests too deep") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: holds {_kind(data)}; allowed an object of keys")
    written = _key_lines(text)
    lines: dict[Path, int] = {}
    for path, value in _everything(data, where):
        name = ".".join(path)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{where}: {cut(name)} is not a finite number")
        for piece in (path[-1], value):
            if isinstance(piece, str) and any("\ud800" <= letter <= "\udfff" for letter in piece):
                raise ConfigError(f"{where}: {cut(name)} holds half a character; allowed whole Unicode text")
            if isinstance(piece, str) and (letter := unseen(piece, allowed=SPACES)):
                raise ConfigError(f"{where}: {cut(name)} holds {letter}; {SEEN}")
        if path[-1] in written:
            lines[path] = written[path[-1]]
    return Document(where, data, lines)


def read_scalar(text: str) -> Any:
    """Read an unquoted scalar; raise ``ValueError`` saying what is allowed when it is one of YAML's traps."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        if len(text) > _LONGEST:
            raise ValueError(f"{cut(text)} is too large; allowed whole numbers of {_LONGEST} digits")
        return int(text)
    for pattern, allowed in _TRAPS:
        if pattern.fullmatch(text):
            raise ValueError(f"{cut(text)} reads differently to different readers; {allowed}")
    if _FLOAT.fullmatch(text):
        return _number(text)
    return text


def _number(text: str) -> float:
    """Read a decimal number; raise ``ValueError`` for one that a float holds as infinity or as nothing."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{cut(text)} is too large; allowed finite numbers")
    if number == 0.0 and _SOMETHING.match(text):
        raise ValueError(f"{cut(text)} is too small to be told from 0; allowed 0, or a number that can be")
    return number


def check_inside(text: str) -> None:
    """Raise ``ValueError`` for a text that is nested too deep, or holds a number that no file may hold."""
    depth = deepest = 0
    for letter in text:
        depth += (letter in "[{(") - (letter in "]})")
        deepest = max(depth, deepest)
    if deepest > _DEEPEST:
        raise ValueError(f"is nested too deep; allowed {_DEEPEST} levels")
    for match in _NUMBER_IN.finditer(text):
        if len(match[0]) > _LONGEST and match[0].lstrip("+-").isdigit():
            raise ValueError(f"{cut(match[0])} is too large; allowed whole numbers of {_LONGEST} digits")
        _number(match[0])


def _check_seen(text: str, where: str) -> None:
    """Refuse letters that people do not see, or that other readers take for the end of a line."""
    body = text.removeprefix("\ufeff")
    if letter := unseen(body, allowed=SPACES):
        at = next(number for number, line in enumerate(body.split("\n"), 1) if unseen(line, allowed=SPACES))
        raise ConfigError(f"{where}:{at}: holds {letter}; {SEEN}")


def cut(text: str, most: int = 80) -> str:
    """Return a text as a message can show it: one line of printable characters, at most so many of them."""
    text = " ".join(text[: 4 * most].split())
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= most else text[: most - 3] + "..."


def value_of(data: Mapping[str, Any], path: Path) -> Any:
    """Return the value at a path of nested tables. Raises KeyError."""
    value: Any = data
    for key in path:
        value = value[key]
    return value


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every value that is not a mapping, with its path; an empty mapping counts as a value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value


class _Reader:
    """Builds plain data from YAML events, so that tags, anchors and duplicate keys cannot slip through."""

    def __init__(self, where: str, events: Iterator[Any]) -> None:
        self._where = where
        self._events = events
        self._lines: dict[Path, int] = {}

    def document(self) -> Document:
        """Read the one mapping of the file."""
        next(self._events)  # stream start
        first = self._next()
        if first == "StreamEnd":
            raise ConfigError(f"{self._where}: is empty")
        data = self._value(next(self._events), ())
        next(self._events)  # document end
        if self._next() != "StreamEnd":
            raise ConfigError(f"{self._where}: holds more than one document; allowed one")
        if data is None:
            raise ConfigError(f"{self._where}: is empty")
        if not isinstance(data, dict):
            raise ConfigError(f"{self._where}:1: holds {_kind(data)}; allowed a mapping of keys")
        return Document(self._where, data, self._lines)

    def _next(self) -> str:
        return type(next(self._events)).__name__.removesuffix("Event")

    def _value(self, event: Any, path: Path) -> Any:
        self._refuse_tricks(event)
        if len(path) > _DEEPEST:
            self._refuse(event, f"nests deeper than {_DEEPEST} levels")
        kind = type(event).__name__
        if kind == "MappingStartEvent":
            return self._mapping(path)
        if kind == "SequenceStartEvent":
            return self._sequence(path)
        return self._scalar(event)

    def _mapping(self, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            self._refuse_tricks(event)
            name = self._scalar(event) if type(event).__name__ == "ScalarEvent" else None
            if not isinstance(name, str) or name == "<<":
                self._refuse(
                    event,
                    f"{cut(getattr(event, 'value', 'a collection'))} is not a key; allowed plain names",
                )
            if name in result:
                first = self._lines[(*path, name)]
                self._refuse(event, f"{cut(name)} is given twice, first on line {first}; allowed once")
            self._lines[(*path, name)] = event.start_mark.line + 1
            result[name] = self._value(next(self._events), (*path, name))
        return result

    def _sequence(self, path: Path) -> list[Any]:
        result: list[Any] = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            here = (*path, str(len(result)))
            self._lines[here] = event.start_mark.line + 1
            result.append(self._value(event, here))
        return result

    def _scalar(self, event: Any) -> Any:
        if letter := unseen(event.value, allowed=SPACES):
            self._refuse(event, f"{cut(event.value)} holds {letter}; {SEEN}")
        if event.style is not None and event.style != "":
            return str(event.value)
        try:
            return read_scalar(event.value)
        except ValueError as error:
            self._refuse(event, str(error))

    def _refuse_tricks(self, event: Any) -> None:
        if type(event).__name__ == "AliasEvent" or getattr(event, "anchor", None):
            self._refuse(event, "anchors and aliases are not allowed; write the value out")
        if getattr(event, "tag", None):
            self._refuse(event, f"the tag {cut(event.tag)} is not allowed; write a plain value")

    def _refuse(self, event: Any, what: str) -> NoReturn:
        raise ConfigError(f"{self._where}:{event.start_mark.line + 1}: {what}")


def _unique(where: str) -> Any:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                raise ConfigError(f"{where}: {cut(key)} is given twice; allowed once")
            result[key] = value
        return result

    return build


def _finite(where: str) -> Any:
    def refuse(name: str) -> Any:
        raise ConfigError(f"{where}: holds {name}; allowed finite numbers")

    return refuse


def _whole(where: str) -> Any:
    def read(digits: str) -> int:
        if len(digits) > _LONGEST:
            raise ConfigError(f"{where}: {cut(digits)} is too large; allowed numbers of {_LONGEST} digits")
        return int(digits)

    return read


def _exact(where: str) -> Any:
    def read(digits: str) -> float:
        try:
            return float(digits) if math.isinf(float(digits)) else _number(digits)
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error

    return read


def _everything(data: dict[str, Any], where: str) -> Iterator[tuple[Path, Any]]:
    """Yield every key and item with its path, parents first; refuse what nests too deep."""
    waiting: list[tuple[Path, Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > _DEEPEST:
            raise ConfigError(f"{where}: nests deeper than {_DEEPEST} levels")
        if path:
            yield path, value
        pairs = value.items() if isinstance(value, dict) else ()
        items = enumerate(value) if isinstance(value, list) else ()
        waiting += [((*path, str(key)), item) for key, item in (*pairs, *items)]


def _key_lines(text: str) -> dict[str, int]:
    """Return the line on which each key is first written."""
    lines: dict[str, int] = {}
    line, place = 1, 0
    for hit in _TEXT.finditer(text):
        if hit[2] is None:
            continue
        line += text.count("\n", place, hit.start())
        place = hit.start()
        lines.setdefault(hit[1], line)
    return lines


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"the single value {cut(str(value))}"
