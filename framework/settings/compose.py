"""Compose a run: conf/ through Hydra, overrides, environment and words, into one frozen value with sources."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.settings.describe import keys_of
from framework.settings.errors import ConfigError
from framework.settings.overrides import Patch, read_patch
from framework.settings.plain import leaves, read_scalar
from framework.settings.plan import ENVIRONMENT, Keys, Plan, find_root, make_plan
from framework.settings.provenance import Layer, Source
from framework.settings.schema.profile import ProfileFile, ProfileTraits, RuntimeParams
from framework.settings.schema.run import RunSettings
from framework.settings.validate import validated


@dataclass(frozen=True)
class Composed:
    """A run's settings, where every value came from, the files chosen, and the folder Hydra names for it."""

    settings: RunSettings
    sources: dict[str, Source]
    raw: dict[str, Any]
    choices: dict[str, str]
    run_dir: Path
    root: Path


def compose_run(
    *,
    primary: str = "soak",
    words: Sequence[str] = (),
    root: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Composed:
    """Compose and validate one run.

    ``words`` are those of the command line: ``group=option`` chooses a file, ``group.key=value`` sets a value.
    Layers, weakest first: defaults, group files, profile, overrides file, environment, words. Raises
    ``ConfigError``.
    """
    environ = os.environ if environ is None else environ
    plan = make_plan(root=root or find_root(), primary=primary, words=words, environ=environ)
    raw, run_dir = _with_hydra(plan)
    return settle(plan=plan, raw=raw, run_dir=run_dir, environ=environ)


def settle(*, plan: Plan, raw: dict[str, Any], run_dir: str, environ: Mapping[str, str]) -> Composed:
    """Lay environment and overrides over what Hydra composed, and validate; ``raw`` is plain, unresolved."""
    values: dict[str, Any] = {}
    sources: dict[Keys, Source] = {}
    for path, written in leaves(raw):
        value, source = written, _source(plan, path)
        if isinstance(written, str) and (variable := ENVIRONMENT.fullmatch(written)):
            value, source = _from_environment(variable[1], variable[2], path, source, environ)
        _put(values, path, value)
        sources[path] = source

    def locate(path: Keys) -> Source:
        return sources.get(path) or _source(plan, path)

    _lay_params(plan, values, sources, locate)
    settings = validated(RunSettings, values, locate=locate)
    return Composed(
        settings=settings,
        sources={".".join(path): sources.get(path, Source(Layer.DEFAULT)) for path in _written(settings)},
        raw=values,
        choices={group: choice.option for group, choice in plan.choices.items()},
        run_dir=plan.root / run_dir if not Path(run_dir).is_absolute() else Path(run_dir),
        root=plan.root,
    )


def _with_hydra(plan: Plan) -> tuple[dict[str, Any], str]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    keeper = GlobalHydra.instance()
    before = keeper.hydra  # a multirun's own Hydra is put aside, not lost
    keeper.clear()
    try:
        with initialize_config_dir(
            config_dir=str(plan.root / "conf"), version_base="1.3", job_name=plan.primary
        ):
            cfg = compose(plan.primary, overrides=list(plan.hydra_words), return_hydra_config=True)
        run_dir = str(cfg.hydra.run.dir)
        raw = OmegaConf.to_container(cfg, resolve=False)
    except (HydraException, OmegaConfBaseException) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ConfigError(
            f"conf/{plan.primary}.yaml: {lines[0] if lines else type(error).__name__}"
        ) from error
    finally:
        keeper.hydra = before
    assert isinstance(raw, dict)
    return {str(key): value for key, value in raw.items() if key != "hydra"}, run_dir


def _source(plan: Plan, path: Keys) -> Source:
    """Say where the composed value of a path was written."""
    dotted = ".".join(path)
    for length in range(len(path), 0, -1):
        if word := plan.words.get(".".join(path[:length])):
            return Source(Layer.COMMAND_LINE, word, dotted)
    if path in plan.document.lines:
        return Source(Layer.PRIMARY, plan.document.at(path), dotted)
    if choice := plan.choices.get(path[0]):
        layer = Layer.PROFILE if path[0] == "profile" else Layer.GROUP
        key = ".".join(path[1:]) or path[0]
        return Source(layer, choice.document.at(path[1:]), key, choice.chosen_by)
    return Source(Layer.PRIMARY, plan.document.where, dotted)


def _from_environment(
    name: str, fallback: str, path: Keys, source: Source, environ: Mapping[str, str]
) -> tuple[Any, Source]:
    """Read a variable, or its default when it is unset or empty."""
    text = environ.get(name) or ""
    if text:
        source = Source(Layer.ENVIRONMENT, name, f"{name} ({'.'.join(path)})")
    try:
        return read_scalar(text or fallback), source
    except ValueError as error:
        raise ConfigError(f"{source.accused}: {error}") from error


def _lay_params(plan: Plan, values: dict[str, Any], sources: dict[Keys, Source], locate: Any) -> None:
    """Fill ``params``: words over the overrides file over the profile; leave the profile its traits."""
    profile = values.get("profile", {})
    validated(ProfileFile, profile, locate=lambda path: locate(("profile", *path)))
    patch = _patch(plan, values, sources)
    params = values.setdefault("params", {})
    for name in RuntimeParams.model_fields:
        if params.get(name) is not None:
            continue
        if patch is not None and name in patch.values:
            params[name], sources["params", name] = patch.values[name], patch.source(name)
        else:
            params[name], sources["params", name] = profile[name], sources["profile", name]
    values["profile"] = {name: profile[name] for name in ProfileTraits.model_fields}


def _patch(plan: Plan, values: dict[str, Any], sources: dict[Keys, Source]) -> Patch | None:
    """Read the overrides file; its path is relative to the root, as a word to the current folder."""
    name = values.get("soak", {}).get("overrides_file")
    if not isinstance(name, str) or not name:
        return None
    source = sources["soak", "overrides_file"]
    path = Path(name) if source.layer is Layer.COMMAND_LINE else plan.root / name
    if not path.is_file():
        raise ConfigError(f"{source.accused} is {name}; allowed a patch file that exists, or null")
    return read_patch(path, root=plan.root)


def _written(settings: RunSettings) -> list[Keys]:
    """Return the path of every effective value: keys of the models, and of the mappings inside them."""
    have = [path for path, _ in leaves(settings.model_dump(mode="json"))]
    order = {path: number for number, path in enumerate(keys_of(RunSettings))}
    return sorted(
        have, key=lambda path: min(order[path[:n]] for n in range(1, len(path) + 1) if path[:n] in order)
    )


def _put(values: dict[str, Any], path: Keys, value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value
