"""Read gitops/: strict files, one line a fault, nothing interpolated."""

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from framework.files.bounded import read_small
from framework.files.hints import did_you_mean, shown
from framework.settings.documents import Document, leaves, parse_yaml
from framework.settings.errors import ConfigError
from framework.settings.provenance import Layer, Source
from framework.settings.schema.gitops import EnvironmentFile, EvidenceTape, FreezeWindow, KeyRule, Policy
from framework.settings.validate import validated

POLICY = "gitops/policy.yaml"
TAPES = "gitops/tapes.yaml"
ENVIRONMENTS = "gitops/environments"

M = TypeVar("M", bound=BaseModel)


def read_policy(root: Path) -> Policy:
    """Read gitops/policy.yaml. Raises ``ConfigError`` or ``FileError``."""
    document = _read(root, POLICY)
    _rows(KeyRule, document, "keys", _mapping(document, "keys"))
    freeze = document.data.get("freeze", [])
    if isinstance(freeze, list):
        _rows(FreezeWindow, document, "freeze", {str(index): row for index, row in enumerate(freeze)})
    return _model(Policy, document, document.data, ())


def environment_names(root: Path) -> tuple[str, ...]:
    """Return the environments that gitops/environments/ holds, by name."""
    return tuple(sorted(path.stem for path in (root / ENVIRONMENTS).glob("*.yaml")))


def read_environment(root: Path, name: str) -> EnvironmentFile:
    """Read one environment's file. Raises ``ConfigError`` or ``FileError``."""
    known = environment_names(root)
    if name not in known:
        allowed = ", ".join(known) or "none: the folder is missing or empty"
        raise ConfigError(f"{ENVIRONMENTS}: has no {name}; allowed {allowed}{did_you_mean(name, known)}")
    document = _read(root, f"{ENVIRONMENTS}/{name}.yaml")
    environment = _model(EnvironmentFile, document, document.data, ())
    if environment.name != name:
        at = document.at(("name",))
        raise ConfigError(f"{at}: name is {environment.name}; allowed {name}, as the file is called")
    return environment


def environment_words(environment: EnvironmentFile) -> list[str]:
    """Return the words of ``quoteops soak`` that compose what lies beneath an environment's patch."""
    chosen = [f"profile={environment.profile}", f"rollout={environment.rollout}"]
    # null is said, because conf/soak names a patch of its own.
    return [*chosen, *environment.words, "soak.overrides_file=null"]


def read_tapes(root: Path) -> tuple[EvidenceTape, ...]:
    """Read gitops/tapes.yaml, in the order of the file. Raises ``ConfigError`` or ``FileError``."""
    document = _read(root, TAPES)
    for key in document.data:
        if key != "tapes":
            raise ConfigError(f"{document.at((key,))}: {key} is unknown; allowed tapes")
    tapes = _mapping(document, "tapes")
    if not tapes:
        raise ConfigError(f"{document.where}: tapes is missing or empty; allowed names with tapes")
    named = {}
    for name, row in tapes.items():
        if isinstance(row, dict) and "name" in row:
            at = document.at(("tapes", name, "name"))
            raise ConfigError(f"{at}: name is not needed; the tape is called {name}")
        named[name] = {**row, "name": name} if isinstance(row, dict) else row
    return _rows(EvidenceTape, document, "tapes", named)


def check_gitops(root: Path, environment: str | None = None) -> int:
    """Read every file of gitops/, of the environments one alone where it is named, and compare their names
    with each other; return how many files there are.

    A repository without gitops/policy.yaml has none. Raises ``ConfigError`` or ``FileError``.
    """
    if not (root / POLICY).exists():
        return 0
    read_policy(root)
    tapes = [tape.name for tape in read_tapes(root)]
    names = environment_names(root)
    for name in names if environment is None else {environment} & set(names):
        file = read_environment(root, name)
        where = f"{ENVIRONMENTS}/{name}.yaml"
        for tape in file.tapes:
            if tape not in tapes:
                hint = did_you_mean(tape, tapes)
                raise ConfigError(f"{where}: tapes names {tape}; allowed {', '.join(tapes)}{hint}")
        for key in ("overrides", "candidate"):
            named = getattr(file, key)
            if named is not None and not (root / named).is_file():
                raise ConfigError(f"{where}: {key} is {named}; allowed a patch file that exists, or null")
    return len(names) + 2


def _read(root: Path, name: str) -> Document:
    path = root / name
    document = parse_yaml(read_small(path, root=root), where=shown(path, root))
    for keys, value in leaves(document.data):
        if "${" in str(value) or any(re.fullmatch(r"_\w+_", key) for key in keys):
            raise ConfigError(f"{document.at(keys)}: holds ${{ or a key like _target_; allowed plain values")
    return document


def _mapping(document: Document, key: str) -> dict[str, Any]:
    value = document.data.get(key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{document.at((key,))}: {key} is not a mapping; allowed names with rows")
    return value


def _rows(model: type[M], document: Document, key: str, rows: dict[str, Any]) -> tuple[M, ...]:
    """Validate each row by itself, so that a message can name what is allowed in it."""
    parsed = []
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise ConfigError(f"{document.at((key, name))}: {name} is not a mapping; allowed a row of keys")
        parsed.append(_model(model, document, row, (key, name)))
    return tuple(parsed)


def _model(model: type[M], document: Document, data: dict[str, Any], prefix: tuple[str, ...]) -> M:
    def locate(path: tuple[str, ...]) -> Source:
        return Source(Layer.GROUP, document.at((*prefix, *path)), ".".join(path))

    return validated(model, data, locate=locate)
