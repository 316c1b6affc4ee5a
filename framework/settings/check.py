"""Check everything that conf/ and runtime_overrides/ offer, before it is chosen."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

from framework.files.hints import shown
from framework.settings.compose import Composed, compose_run
from framework.settings.documents import leaves
from framework.settings.environment import compose_beneath
from framework.settings.errors import ConfigError
from framework.settings.gitops_files import (
    check_gitops,
    environment_names,
    read_environment,
)
from framework.settings.overrides import apply_patch
from framework.settings.patch import read_patch
from framework.settings.provenance import Layer, Source
from framework.settings.resolve import make_plan, options_of, primaries_of
from framework.settings.schema.run import RunSettings
from framework.settings.validate import REQUIRED, validated

FULL_PRODUCT = 100_000
"""Up to this many combinations all are tried; beyond it, every pair of choices against the defaults."""

Parts = dict[tuple[str, str], Composed]
"""What was composed, by group and option."""


@dataclass(frozen=True)
class Checked:
    """How much was composed, and how many combinations of it were validated."""

    primary: str
    options: int
    combinations: int
    exhaustive: bool


def check_conf(*, root: Path) -> list[Checked]:
    """Compose every file of every group, validate their combinations, and read every patch and gitops/.

    The environment is left out: what is checked is what git holds. Raises ``ConfigError`` at the first fault.
    """
    defaults: dict[str, dict[str, str]] = {}
    for primary in primaries_of(root / "conf"):
        plan = make_plan(root=root, primary=primary, words=(), environ={})
        defaults[primary] = {group: choice.option for group, choice in plan.choices.items()}
    _check_folders(root, {group for chosen in defaults.values() for group in chosen})
    _check_patches(root)
    _check_environments(root)
    return [_check_primary(root, primary, chosen) for primary, chosen in defaults.items()]


def _check_folders(root: Path, groups: set[str]) -> None:
    for folder in sorted(path for path in (root / "conf").iterdir() if path.is_dir()):
        if folder.name not in groups:
            known = ", ".join(sorted(groups))
            raise ConfigError(f"{shown(folder, root)}: no primary conf chooses from it; allowed {known}")


def _check_patches(root: Path) -> None:
    for path in sorted((root / "runtime_overrides").glob("*")):
        if path.suffix in (".yaml", ".json"):
            read_patch(path, root=root)
        elif not path.name.startswith("."):
            raise ConfigError(f"{shown(path, root)}: is not a patch; allowed .yaml and .json")


def _check_environments(root: Path) -> None:
    """Read gitops/ and compose every environment with its patch."""
    if check_gitops(root) == 0:
        return
    for name in environment_names(root):
        environment = read_environment(root, name)
        beneath = compose_beneath(root, environment)
        if environment.overrides is not None:
            apply_patch(beneath.settings, read_patch(root / environment.overrides, root=root))


def _check_primary(root: Path, primary: str, defaults: dict[str, str]) -> Checked:
    offered = {group: _offered(root, group, default) for group, default in defaults.items()}
    plain = compose_run(primary=primary, root=root, environ={})
    parts: Parts = dict.fromkeys(defaults.items(), plain)
    for group, options in offered.items():
        for option in options[1:]:
            words = [f"{group}={option}", *_placeholders(root, primary, group, option)]
            parts[group, option] = compose_run(primary=primary, words=words, root=root, environ={})
    size = math.prod(len(options) for options in offered.values())
    chosen = product(*offered.values()) if size <= FULL_PRODUCT else _pairs(offered)
    count = 0
    for combination in chosen:
        _combine(primary, dict(zip(offered, combination, strict=True)), parts)
        count += 1
    return Checked(primary, len(parts), count, size <= FULL_PRODUCT)


def _combine(primary: str, choice: dict[str, str], parts: Parts) -> None:
    """Validate one combination of parts that were composed one by one."""
    values: dict[str, Any] = {g: getattr(parts[g, option].settings, g) for g, option in choice.items()}
    values["params"] = parts["profile", choice["profile"]].settings.params
    try:
        RunSettings.model_validate(values)
    except ValueError:
        words = " ".join(f"{group}={option}" for group, option in choice.items())
        plain = {name: part.model_dump(mode="json") for name, part in values.items()}
        place = f"conf/{primary}.yaml with {words}"
        validated(RunSettings, plain, locate=lambda path: Source(Layer.PRIMARY, place, ".".join(path)))
        raise ConfigError(f"{place}: does not validate") from None


def _offered(root: Path, group: str, default: str) -> list[str]:
    """Return a group's files, the default first."""
    return [default, *(option for option in options_of(root / "conf", group) if option != default)]


def _placeholders(root: Path, primary: str, group: str, option: str) -> list[str]:
    """Give every value that the file leaves to the command line some text."""
    if group == "rollout":  # what is out needs a candidate, and one without values is one
        return ["rollout.candidate={}"]
    plan = make_plan(root=root, primary=primary, words=[f"{group}={option}"], environ={})
    values = leaves(plan.choices[group].document.data)
    return [f"{group}.{'.'.join(path)}=given" for path, value in values if value == REQUIRED]


def _pairs(offered: dict[str, list[str]]) -> Iterator[tuple[str, ...]]:
    base = {group: options[0] for group, options in offered.items()}
    for (one, first), (two, second) in combinations(offered.items(), 2):
        for a, b in product(first, second):
            yield tuple({**base, one: a, two: b}.values())
