"""Decide what a run is composed of, before it is: files chosen, words understood, tricks refused."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from framework.files.atomic import read_text
from framework.files.hints import did_you_mean, shown
from framework.settings.describe import field_at, fields_at, keys_of
from framework.settings.documents import Document, check_inside, cut, leaves, parse_yaml, read_scalar
from framework.settings.errors import ConfigError
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.run import RunSettings

Keys = tuple[str, ...]

# The only variables that configuration may read, and never a secret.
VARIABLES = ("EXCHANGE_MODE", "EXCHANGE_VENUE", "MM_PROFILE", "SOAK_HOURS")
ENVIRONMENT = re.compile(r"\$\{oc\.env:([A-Za-z_][A-Za-z0-9_]*),([^${},:]*)\}")

# What a conf file may tell Hydra: where runs go and how they are spread; nothing that runs code.
_HYDRA_KEYS = (
    "output_subdir",
    "job.chdir",
    "run.dir",
    "sweep.dir",
    "sweep.subdir",
    "launcher.*",
    "sweeper.*",
)
_HYDRA_GROUPS = ("hydra/hydra_logging", "hydra/job_logging", "hydra/launcher", "hydra/sweeper")
_HYDRA_TOKENS = re.compile(r"\$\{(now:[^${}]*|hydra\.job\.(num|name|override_dirname))\}")
_WORD = re.compile(r"(?P<sign>\+\+?|~)?(?P<key>[A-Za-z_][A-Za-z0-9_./]*)(?P<value>=.*)?", re.DOTALL)
# A list of values to sweep over: a,b or one of Hydra's functions; a comma in brackets or quotes is not one.
_SEVERAL = re.compile(r"""[^=]+=((choice|range|interval|glob|shuffle)\(.*\)|[^'"\[{(]*,.*)""", re.DOTALL)

# A value that starts as plain text and holds a letter that Hydra's grammar takes for its own, or for none.
_NEEDS_QUOTES = re.compile(r"""(?=[^'"\[{(])(?=.*[^A-Za-z0-9_/\\+.$%*@?|: -]).*""", re.DOTALL)
_CALL = re.compile(r"[a-z_]+\(.*\)", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """One file of a group: its parsed content, and who chose it (nobody: the primary conf's own choice)."""

    option: str
    chosen_by: str
    document: Document


@dataclass(frozen=True)
class Plan:
    """What Hydra is going to compose."""

    root: Path
    primary: str
    document: Document
    choices: dict[str, Choice]
    words: dict[str, str]
    """The words that set one value: dotted key to the word as given."""

    hydra_words: tuple[str, ...]
    """What to hand to Hydra: the words, and the choices that came from the environment."""


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder, from here upwards, that holds conf/soak.yaml. Raises ``ConfigError``."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "conf" / "soak.yaml").is_file():
            return folder
    raise ConfigError(
        f"{here}: no conf/soak.yaml here or in a folder above; run inside a quoteops repository"
    )


def make_plan(*, root: Path, primary: str, words: Sequence[str], environ: Mapping[str, str]) -> Plan:
    """Read and check the files that ``words`` and the primary conf choose. Raises ``ConfigError``."""
    conf = root / "conf"
    if (conf / "hydra").exists():  # Hydra would take launchers and callbacks, which run code, from here
        raise ConfigError("conf/hydra: is not allowed; Hydra's own groups come with Hydra")
    document = _read(conf / f"{primary}.yaml", root)
    defaults = _defaults(document)
    groups, values, passed = _sort_words(words, defaults, _keys_in_reach())
    choices: dict[str, Choice] = {}
    for group, option in defaults.items():
        chosen_by, place = "", document.at(("defaults",))
        if variable := ENVIRONMENT.fullmatch(option):
            name, fallback = variable.groups()
            option, place = (environ.get(name) or fallback), f"environment {name}"
            chosen_by = name if environ.get(name) else ""
            if group not in groups:
                passed.append(f"{group}={option}")
        if group in groups:
            option, chosen_by, place = groups[group], f"{group}={groups[group]}", "command line"
        choices[group] = Choice(option, chosen_by, _option(conf, root, group, option, place))
    return Plan(root, primary, document, choices, values, tuple(passed))


def sweep_words(
    *, root: Path, primary: str, words: Sequence[str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Check the words of a multirun and return them as Hydra wants them; lists are checked per job."""
    several = [word for word in words if _SEVERAL.fullmatch(word)]
    plan = make_plan(
        root=root, primary=primary, words=[w for w in words if w not in several], environ=environ
    )
    defaults = {group: choice.option for group, choice in plan.choices.items()}
    choices, _, passed = _sort_words(several, defaults, _keys_in_reach())
    for group, options in choices.items():
        for option in options.split(",") if "(" not in options else ():
            _option(root / "conf", root, group, option.strip(), "command line")
    return (*plan.hydra_words, *passed)


def options_of(conf: Path, group: str) -> list[str]:
    """Return the files a group offers, by name."""
    return sorted(path.stem for path in (conf / group).glob("*.yaml"))


def primaries_of(conf: Path) -> list[str]:
    """Return the primary confs, by name."""
    return sorted(path.stem for path in conf.glob("*.yaml"))


def check_file(path: Path, *, root: Path) -> None:
    """Read a conf file and refuse what none may hold, chosen or not. Raises ``ConfigError``."""
    _read(path, root)


def _option(conf: Path, root: Path, group: str, option: str, place: str) -> Document:
    known = options_of(conf, group)
    if not known:
        raise ConfigError(f"{place}: conf/{group} is missing or empty; allowed a folder with {option}.yaml")
    if option not in known:
        hint = did_you_mean(option, known)
        raise ConfigError(f"{place}: conf/{group} has no {option}; allowed {', '.join(known)}{hint}")
    document = _read(conf / group / f"{option}.yaml", root)
    if "defaults" in document.data:
        raise ConfigError(f"{document.at(('defaults',))}: defaults; allowed in a primary conf only")
    return document


def _read(path: Path, root: Path) -> Document:
    text = read_text(path) if path.is_file() else ""
    if not text:
        raise ConfigError(f"{shown(path, root)}: is missing or empty")
    return _parsed(text, shown(path, root))


@lru_cache(maxsize=256)
def _parsed(text: str, where: str) -> Document:
    """Parse and check a file's text, once: the cells of a sweep are composed of the same files."""
    document = parse_yaml(text, where=where)
    if header := re.search(r"^\s*#\s*@package\b", text, re.MULTILINE):
        line = text.count("\n", 0, header.end()) + 1
        raise ConfigError(
            f"{document.where}:{line}: @package moves values elsewhere; allowed the folder's own group"
        )
    _refuse_tricks(document, document.data, ())
    for (group, *rest), _ in leaves(document.data):
        name = ".".join(rest)
        if group == "hydra" and not any(fnmatchcase(name, allowed) for allowed in _HYDRA_KEYS):
            where, allowed = document.at(("hydra", *rest)), ", ".join(_HYDRA_KEYS)
            raise ConfigError(f"{where}: hydra.{name} is not for conf files; allowed {allowed}")
    return document


def _refuse_tricks(document: Document, value: Any, path: Keys) -> None:
    """Refuse what would run code or read other values: ``_target_`` and interpolation."""
    if isinstance(value, dict):
        for key, item in value.items():
            if re.fullmatch(r"_\w+_", key) or "$" in key:
                raise ConfigError(
                    f"{document.at((*path, key))}: {key} is not allowed; configuration holds values only"
                )
            _refuse_tricks(document, item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_tricks(document, item, (*path, str(index)))
    elif isinstance(value, str) and "${" in value:
        rest = _HYDRA_TOKENS.sub("", value) if path[0] == "hydra" else ENVIRONMENT.sub("", value, count=1)
        variable = ENVIRONMENT.fullmatch(value)
        if ("${" in rest) or (path[0] != "hydra" and (not variable or variable[1] not in VARIABLES)):
            named = ".".join(part for part in path if not part.isdigit())
            raise ConfigError(
                f"{document.at(path)}: {named} is {value}; allowed plain values, or ${{oc.env:NAME,default}}"
                f" where NAME is {', '.join(VARIABLES)}"
            )


def _defaults(document: Document) -> dict[str, str]:
    """Return group to option from the defaults list; Hydra's own groups and _self_ are left to Hydra."""
    result: dict[str, str] = {}
    for index, entry in enumerate(document.data.get("defaults") or []):
        where = document.at(("defaults", str(index)))
        if entry == "_self_":
            continue
        if not (isinstance(entry, dict) and len(entry) == 1):
            raise ConfigError(f"{where}: {entry} is not a choice; allowed `- group: option` and `- _self_`")
        (group, option), *_ = entry.items()
        if group.removeprefix("override ") in _HYDRA_GROUPS:
            continue
        if not re.fullmatch(r"[a-z_]+", group) or not isinstance(option, str):
            raise ConfigError(
                f"{where}: {group}: {option} is not a choice; allowed a folder of conf/ and a file name"
            )
        result[group] = option
    return result


@cache
def _keys_in_reach() -> dict[str, Keys]:
    keys = [*keys_of(RunSettings), *(("params", name) for name in RuntimeParams.model_fields)]
    return {".".join(path): path for path in keys}


def _sort_words(
    words: Sequence[str], groups: Mapping[str, str], keys: Mapping[str, Keys]
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Split words into choices of a file and settings of a value; refuse what means nothing."""
    choices: dict[str, str] = {}
    values: dict[str, str] = {}
    passed: list[str] = []
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None or match["value"] is None or match["sign"]:
            raise ConfigError(f"command line: {word} is not a word of the form key=value")
        key, value = match["key"], match["value"][1:]
        if "_target_" in word or ("${" in word and not key.startswith("hydra")):
            raise ConfigError(f"command line: {word} holds _target_ or ${{; allowed plain values")
        if key in choices or key in values:
            raise ConfigError(f"command line: {key} is given twice; allowed once")
        if key.startswith(("hydra.", "hydra/")):
            passed.append(f"{key}={_readable(key, value)}")
        elif key in groups:
            choices[key] = value
            passed.append(word)
        else:
            values[_known(key, groups, keys)] = word
            # The leading ++ lets a word set a value that the chosen file leaves to its default.
            passed.append(f"++{key}={_readable(key, value)}")
    return choices, values, passed


def _readable(key: str, value: str) -> str:
    """Return a value as Hydra reads it: one with letters that its grammar has no place for is quoted.

    Raises ``ConfigError`` for a number that a file may not hold either (1_00, 1e-400).
    """
    several = value.split(",") if _SEVERAL.fullmatch(f"{key}={value}") and "(" not in value else [value]
    for one in several:
        try:
            read_scalar(one if "_" in one else "")
            check_inside(one)
        except ValueError as error:
            raise ConfigError(f"command line: {key}={cut(one)}: {error}") from error
    if len(several) > 1:
        return ",".join(_quoted(one) for one in several)
    return _quoted(value)


def _quoted(value: str) -> str:
    if not _NEEDS_QUOTES.fullmatch(value) or "," in value or "${" in value or _CALL.fullmatch(value):
        return value
    return in_quotes(value)


def in_quotes(value: str) -> str:
    """Return a value in the quotes of Hydra's grammar: backslashes count before a quote alone."""
    escaped = re.sub(r"(\\+)$", r"\1\1", re.sub(r"(\\*)'", r"\1\1\\'", value))
    return f"'{escaped}'"


def _known(key: str, groups: Mapping[str, str], keys: Mapping[str, Keys]) -> str:
    path = tuple(key.split("."))
    if path[0] == "profile" and path[1:] in {(name,) for name in RuntimeParams.model_fields}:
        raise ConfigError(f"command line: {key} is a run-time parameter; allowed params.{path[1]}=...")
    if key in keys:
        return key
    for length in range(len(path) - 1, 0, -1):  # below a free mapping, such as conf/tuning's table of rules
        field = field_at(RunSettings, path[:length])
        if field is not None and "dict" in str(field.annotation):
            return key
    if inside := fields_at(RunSettings, path):
        raise ConfigError(
            f"command line: {key} is a group of values; allowed {key}.KEY, where KEY is {', '.join(inside)}"
        )
    if beside := fields_at(RunSettings, path[:-1]) if len(path) > 1 else {}:
        hint = did_you_mean(path[-1], beside)
        raise ConfigError(f"command line: {key} is unknown; allowed {', '.join(beside)}{hint}")
    hint = did_you_mean(key, [*groups, *keys])
    raise ConfigError(f"command line: {key} is unknown; allowed {', '.join(groups)} and their keys{hint}")
