"""The KPI profiles as conf/kpi ships them, without composing a run."""

from pathlib import Path
from typing import Any

from framework.files.atomic import read_text
from framework.files.hints import did_you_mean, shown
from framework.settings.documents import parse_yaml, read_scalar
from framework.settings.errors import ConfigError
from framework.settings.provenance import Layer, Source
from framework.settings.schema.kpi import KpiSettings
from framework.settings.validate import validated

Keys = tuple[str, ...]


def load_kpi_profiles(*, root: Path) -> dict[str, KpiSettings]:
    """Read and validate every conf/kpi/*.yaml below the root, by name. Raises ConfigError."""
    files = sorted((root / "conf" / "kpi").glob("*.yaml"))
    if not files:
        raise ConfigError(
            f"{shown(root / 'conf' / 'kpi', root)}: holds no KPI profiles; allowed at least one *.yaml"
        )
    return {file.stem: _load(file, root=root, words={}) for file in files}


def load_kpi_profile(*, root: Path, name: str, words: tuple[str, ...] = ()) -> KpiSettings:
    """Read one profile with ``kpi.key=value`` words over it. Raises ConfigError naming file or word."""
    folder = root / "conf" / "kpi"
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in known:
        raise ConfigError(
            f"kpi: {name} is not a profile; allowed {', '.join(known)}{did_you_mean(name, known)}"
        )
    return _load(folder / f"{name}.yaml", root=root, words=dict(_word(word) for word in words))


def _word(word: str) -> tuple[Keys, Any]:
    key, equals, value = word.partition("=")
    path = tuple(key.split("."))
    if not equals or path[0] != "kpi" or len(path) < 2:
        raise ConfigError(f"command line: {word} is not a word of the form kpi.key=value")
    try:
        return path[1:], read_scalar(value)
    except ValueError as error:
        raise ConfigError(f"command line: {key}: {error}") from error


def _load(file: Path, *, root: Path, words: dict[Keys, Any]) -> KpiSettings:
    document = parse_yaml(read_text(file), where=shown(file, root))
    for path, value in words.items():
        _put(document.data, path, value)

    def locate(path: Keys) -> Source:
        if path in words:
            return Source(Layer.COMMAND_LINE, key=".".join(("kpi", *path)))
        return Source(Layer.GROUP, document.at(path), ".".join(path))

    profile = validated(KpiSettings, document.data, locate=locate)
    if profile.name != file.stem:
        raise ConfigError(
            f"{document.at(('name',))}: name is {profile.name}; allowed {file.stem}, as the file is called"
        )
    return profile


def _put(data: dict[str, Any], path: Keys, value: Any) -> None:
    for name in path[:-1]:
        inner = data.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(
                f"command line: kpi.{'.'.join(path)} goes through {name}, which is a single value"
            )
        data = inner
    data[path[-1]] = value
