"""Compose a run: conf/, overrides, environment and words become one frozen value with its sources."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from framework.files.hints import did_you_mean
from framework.settings.compose_cache import NOW, composition_key, keep, named_now, read_kept
from framework.settings.documents import leaves, read_scalar
from framework.settings.errors import ConfigError
from framework.settings.fields import CANDIDATE, check_value, name_of, path_of, values_in
from framework.settings.patch import Patch, named_file, patch_of_environment, read_candidate, read_patch
from framework.settings.provenance import Layer, Source
from framework.settings.resolve import ENVIRONMENT, Keys, Plan, find_root, make_plan, options_of
from framework.settings.schema.profile import ProfileFile, ProfileTraits, RuntimeParams
from framework.settings.schema.run import RunSettings
from framework.settings.validate import validated

_STRENGTH = tuple(Layer)
_PATCHES = (Layer.OVERRIDES, Layer.ENVIRONMENT)


@dataclass(frozen=True)
class Ground:
    """What a composition is before the overrides file, and the environment's patch that goes over it."""

    plan: Plan
    values: dict[str, Any]
    sources: dict[Keys, Source]
    environment: Patch | None


@dataclass(frozen=True)
class Composed:
    """A run's settings, where every value came from, the files chosen, and the folder Hydra names for it."""

    settings: RunSettings
    sources: dict[str, Source]
    raw: dict[str, Any]
    choices: dict[str, str]
    run_dir: Path
    root: Path
    ground: Ground

    def patched(self, patch: Patch | None) -> RunSettings:
        """Return the settings with this patch in place of the overrides file; None is without any.

        MM_RUNTIME_OVERRIDES_JSON, conf/soak.yaml and words still win over it. Raises ``ConfigError``.
        """
        values, _ = _laid(self.ground, patch)
        whole = self.settings
        try:  # a reload waits for this: only the groups that differ are validated anew
            fresh = {
                group: type(getattr(whole, group)).model_validate_json(
                    json.dumps(values[group], allow_nan=False)
                )
                for group in type(whole).model_fields
                if values.get(group) != self.raw.get(group)
            }
            return whole.replaced(fresh)
        except ValueError:  # refused: say where, as composing does
            return _lay(self.ground, patch)[0]


def compose_run(
    *,
    primary: str = "soak",
    words: Sequence[str] = (),
    root: Path | None = None,
    environ: Mapping[str, str] | None = None,
    candidate: Path | None = None,
) -> Composed:
    """Compose and validate one run.

    ``words`` are those of the command line: ``group=option`` chooses a file, ``group.key=value`` sets a
    value; ``soak.environment=NAME`` brings those of gitops/environments/NAME.yaml, which the others win over.
    ``candidate`` is a patch in place of the one ``rollout.candidate_file`` names.
    Layers, weakest first: defaults, group files, profile, overrides file, primary conf, environment, words.
    Raises ``ConfigError``.
    """
    environ = os.environ if environ is None else environ
    root = root or find_root()
    desired, file = desired_words(words, root)
    plan = make_plan(root=root, primary=primary, words=[*desired, *words], environ=environ)
    raw, run_dir = hydra_values(plan)
    sources = {word.partition("=")[0]: file for word in desired}
    return settle(plan=plan, raw=raw, run_dir=run_dir, environ=environ, candidate=candidate, desired=sources)


def desired_words(words: Sequence[str], root: Path) -> tuple[list[str], str]:
    """Give the words of the environment that one of the words names, without the keys they set themselves,
    and its file.
    """
    asked = [word.partition("=")[2] for word in words if word.startswith("soak.environment=")]
    if not asked or asked[-1] in ("", "null"):
        return [], ""
    from framework.settings.gitops_files import environment_words, read_environment

    file = read_environment(root, asked[-1])
    own = f"soak.overrides_file={root / file.overrides}" if file.overrides else "soak.overrides_file=null"
    names = {word.partition("=")[0] for word in words}
    named = [f"rollout.candidate_file={root / file.candidate}"] if file.candidate else []
    desired = [*environment_words(file)[:-1], *named, own]
    where = f"gitops/environments/{asked[-1]}.yaml"
    return [word for word in desired if word.partition("=")[0] not in names], where


def settle(
    *,
    plan: Plan,
    raw: dict[str, Any],
    run_dir: Path,
    environ: Mapping[str, str],
    candidate: Path | None = None,
    desired: Mapping[str, str] | None = None,
) -> Composed:
    """Lay patches and environment over what Hydra composed, and validate; ``raw`` is plain, unresolved.

    ``desired`` names the file behind each word that is an environment's: its patch lies over them.
    """
    values: dict[str, Any] = {}
    sources: dict[Keys, Source] = {}
    for path, written in leaves(raw):
        value, source = written, _source(plan, path)
        if where := (desired or {}).get(".".join(path)):
            source = Source(Layer.GROUP, where, ".".join(path))
        if isinstance(written, str) and (variable := ENVIRONMENT.fullmatch(written)):
            value, source = _from_environment(variable[1], variable[2], path, source, environ)
        _put(values, path, value)
        sources[path] = source

    def locate(path: Keys) -> Source:
        return sources.get(path) or _source(plan, path)

    _profile_first(plan, values, sources, locate)
    _candidate(plan, values, sources, candidate)
    ground = Ground(plan, values, sources, patch_of_environment(environ))
    settings, values, sources = _lay(ground, _patch(ground))
    _known_judge(plan, settings, locate)
    _one_naming(settings, locate)
    return Composed(
        settings=settings,
        sources={".".join(path): sources.get(path, Source(Layer.DEFAULT)) for path in _written(settings)},
        raw=values,
        choices={group: choice.option for group, choice in plan.choices.items()},
        run_dir=run_dir,
        root=plan.root,
        ground=ground,
    )


def hydra_values(plan: Plan) -> tuple[dict[str, Any], Path]:
    """Return the composed values and the folder Hydra names for the run."""
    conf = plan.root / "conf"
    key = composition_key(conf=conf, primary=plan.primary, words=plan.hydra_words)
    kept = read_kept(key)
    if kept is None:
        kept = _compose(plan, key)
    raw, run_dir = kept
    base = Path.cwd() if any(w.startswith("hydra.run.dir=") for w in plan.hydra_words) else plan.root
    return raw, base / named_now(run_dir)


@lru_cache(maxsize=1024)
def word_value(word: str) -> Any:
    """Return the value of a word as Hydra reads it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(f"++{word}").value()


def _compose(plan: Plan, key: str) -> tuple[dict[str, Any], str]:
    """Let Hydra compose, and keep what it made; give the values and the template of the run's folder."""
    from hydra import __version__, compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    keeper = GlobalHydra.instance()
    before = keeper.hydra  # another Hydra's is put aside, not lost
    keeper.clear()
    conf = str(plan.root / "conf")
    try:
        with initialize_config_dir(config_dir=conf, version_base="1.3", job_name=plan.primary):
            cfg = compose(plan.primary, overrides=list(plan.hydra_words), return_hydra_config=True)
        raw, named = _plain(cfg), OmegaConf.to_container(cfg.hydra.run, resolve=False)
        assert isinstance(named, dict)
        template = str(named["dir"])
        keep(key, raw=raw, run_dir=template, hydra_version=__version__)
        return raw, template if "${" not in NOW.sub("", template) else str(cfg.hydra.run.dir)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_hydra_says(plan, error)) from error
    finally:
        keeper.hydra = before


def _plain(cfg: Any) -> dict[str, Any]:
    """Return the composed values as written: unresolved, so that no interpolation ever runs."""
    from omegaconf import OmegaConf

    raw = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(raw, dict)
    return {str(key): value for key, value in raw.items() if key != "hydra"}


def _hydra_says(plan: Plan, error: Exception) -> str:
    """Make one line of Hydra's refusal, which names the word it stumbled over if there was one."""
    first = _first_line(error)
    word = next((w for w in plan.hydra_words if w in str(error) or w == getattr(error, "override", "")), None)
    if word is None:
        return f"conf/{plan.primary}.yaml: {first}"
    several = "Ambiguous" in first
    what = "gives several values" if several else "cannot be read"
    told = f"{word.removeprefix('++')} {what}; allowed one value, or -m to run each of a list"
    lists = ", or [A,B] where the value is a list, or 'A,B' in quotes where it holds a comma"
    return f"command line: {told}{lists if several else ''}"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _source(plan: Plan, path: Keys) -> Source:
    """Say where the value of a path was written; of a whole group, the words that touched it first."""
    dotted = ".".join(path)
    if not path:
        return Source(Layer.PRIMARY, plan.document.where)
    touched = [word for key, word in plan.words.items() if key.startswith(f"{dotted}.")]
    if touched and (len(path) == 1 or path == CANDIDATE):
        return Source(Layer.COMMAND_LINE, " ".join(touched), dotted)
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


def _profile_first(
    plan: Plan, values: dict[str, Any], sources: dict[Keys, Source], locate: Callable[[Keys], Source]
) -> None:
    """Fill ``params`` from the profile where nobody wrote them, and leave the profile its traits."""
    profile = values.get("profile", {})
    validated(ProfileFile, profile, locate=lambda path: locate(("profile", *path)))
    params = values.setdefault("params", {})
    for name in RuntimeParams.model_fields:
        if params.get(name) is None:
            params[name], sources["params", name] = profile[name], sources["profile", name]
    values["profile"] = {name: profile[name] for name in ProfileTraits.model_fields}


def _candidate(plan: Plan, values: dict[str, Any], sources: dict[Keys, Source], given: Path | None) -> None:
    """Put what a candidate's file or words hold in its place, each value by the name a patch gives it."""
    rollout = values.setdefault("rollout", {})
    written, name = rollout.get("candidate"), rollout.get("candidate_file")
    if written is not None:
        word = _source(plan, CANDIDATE)
        if name is not None:
            raise ConfigError(f"{word.accused} beside rollout.candidate_file; allowed one of them")
        named = {name_of(path): value for path, value in leaves(written) if path}
        rollout["candidate"] = check_value(name_of(CANDIDATE), named, source=word)
        sources[CANDIDATE] = word
        return
    sources[CANDIDATE] = sources.get(("rollout", "candidate_file"), Source(Layer.DEFAULT))
    path = given
    if path is None and isinstance(name, str):
        path = named_file(name, source=sources["rollout", "candidate_file"], root=plan.root)
    if path is not None:
        patch = read_candidate(path, root=plan.root)
        rollout["candidate"] = patch.values
        sources[CANDIDATE] = Source(Layer.OVERRIDES, patch.document.at(("overrides",)), "overrides")


def _lay(ground: Ground, file: Patch | None) -> tuple[RunSettings, dict[str, Any], dict[Keys, Source]]:
    """Lay patches over the ground and validate what comes out."""
    values, sources = _laid(ground, file)

    def locate(path: Keys) -> Source:
        if source := sources.get(path):
            return source
        return _source_of_group(path, sources) or _source(ground.plan, path)

    return validated(RunSettings, values, locate=locate), values, sources


def _source_of_group(path: Keys, sources: dict[Keys, Source]) -> Source | None:
    """Say where a whole group was touched by a patch, or by an environment's file; None where a word did."""
    inner = [source for inside, source in sources.items() if path and inside[: len(path)] == path]
    if any(source.layer is Layer.COMMAND_LINE for source in inner):
        return None
    patches = [source for source in inner if source.layer in _PATCHES]
    files = [source for source in inner if source.where.startswith("gitops/")]
    first = next(iter(patches + files), None)
    return None if first is None else replace(first, key=".".join(path))


def _laid(ground: Ground, file: Patch | None) -> tuple[dict[str, Any], dict[Keys, Source]]:
    """Lay the file's patch and the environment's over the ground, where no stronger layer wrote."""
    values, sources = dict(ground.values), dict(ground.sources)
    patches = [patch for patch in (file, ground.environment) if patch is not None]
    for group in {path_of(name)[0] for patch in patches for name in patch.values}:
        values[group] = deepcopy(values.get(group, {}))
    for patch in patches:
        for name, value in patch.values.items():
            path, rank = path_of(name), _STRENGTH.index(patch.layer)
            written = sources.get(path)
            if written is None or _STRENGTH.index(written.layer) <= rank:
                _put(values, path, value)
                sources[path] = patch.source(name)
    return values, sources


def _patch(ground: Ground) -> Patch | None:
    """Read the overrides file.

    What an environment's agent has put in force wins over it, once there is any.
    """
    environment = ground.values.get("soak", {}).get("environment")
    if isinstance(environment, str):
        live = live_overrides(ground.plan.root, environment)
        if os.path.lexists(live):  # what is no file is refused, not passed over
            return read_patch(live, root=ground.plan.root)
    name = ground.values.get("soak", {}).get("overrides_file")
    if not isinstance(name, str) or not name:
        return None
    root, source = ground.plan.root, ground.sources["soak", "overrides_file"]
    return read_patch(named_file(name, source=source, root=root), root=root)


def live_overrides(home: Path, environment: str) -> Path:
    """Return the file in which an environment's agent keeps what is in force; its folder holds it alone."""
    return home / "artifacts" / "gitops" / environment / "live" / "overrides.json"


def _known_judge(plan: Plan, settings: RunSettings, locate: Any) -> None:
    """Refuse a deciding KPI profile that conf/kpi does not hold."""
    name, known = settings.kpi.decides, options_of(plan.root / "conf", "kpi")
    if name not in known:
        accused = locate(("kpi", "decides")).accused
        raise ConfigError(f"{accused} is {name}; allowed {', '.join(known)}{did_you_mean(name, known)}")


def _one_naming(settings: RunSettings, locate: Callable[[Keys], Source]) -> None:
    """Refuse a symbol that somebody gave beside symbols; the one a market's own file names is its default."""
    one, several = (locate(("market", name)) for name in ("symbol", "symbols"))
    group = one.layer is Layer.GROUP and one.where.startswith("conf/market/")
    if settings.market.symbols is None or (group and one.where.partition(":")[0] not in several.where):
        return
    if settings.market.symbol is not None:
        raise ConfigError(f"{one.accused} beside market.symbols; allowed one of them")


def _written(settings: RunSettings) -> list[Keys]:
    """Return the path of every effective value, in the order of the models."""
    return [path for path, _ in values_in(settings.model_dump(mode="json"))]


def _put(values: dict[str, Any], path: Keys, value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):  # a plain value where a group belongs: validation refuses it
            return
    values[path[-1]] = value
