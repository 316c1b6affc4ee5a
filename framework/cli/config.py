"""quoteops config: show what a run would be made of, and check everything that conf/ offers."""

from collections.abc import Sequence
from itertools import groupby

from framework.cli.show import tell
from framework.files.hints import did_you_mean
from framework.settings.errors import ConfigError

USAGE = """usage: quoteops config show [--sources] [--json] [WORDS]
         print every effective value of `quoteops soak WORDS`, when a change of it takes effect (hot,
         next_quote, flat_only, restart) and which way it reduces risk; --sources says where each came from
       quoteops config check [--json]
         compose and validate every choice that conf/ offers, and every patch in runtime_overrides/"""
FLAGS = {"show": ("--sources", "--json"), "check": ("--json",)}


def run(argv: Sequence[str]) -> int:
    """Run ``config show`` or ``config check``; return 0, or raise ``ConfigError``."""
    if not argv or "-h" in argv or "--help" in argv:
        print(USAGE)
        return 0 if argv else 2
    command, rest = argv[0], argv[1:]
    if command not in FLAGS:
        hint = did_you_mean(command, FLAGS)
        raise ConfigError(f"quoteops config {command}: no such command; allowed {', '.join(FLAGS)}{hint}")
    flags = {word for word in rest if word.startswith("-")}
    for flag in sorted(flags - set(FLAGS[command])):
        allowed, hint = ", ".join(FLAGS[command]), did_you_mean(flag, FLAGS[command])
        raise ConfigError(f"quoteops config {command}: no flag {flag}; allowed {allowed}{hint}")
    words = [word for word in rest if not word.startswith("-")]
    if command == "show":
        return _show(words, sources="--sources" in flags, as_json="--json" in flags)
    if words:
        raise ConfigError(f"quoteops config check: {words[0]} is not needed; it checks every choice")
    return _check(as_json="--json" in flags)


def _show(words: Sequence[str], *, sources: bool, as_json: bool) -> int:
    from framework.files.atomic import canonical_json
    from framework.settings.compose import compose_run
    from framework.settings.documents import value_of
    from framework.settings.fields import manner_of, safer
    from framework.settings.validate import shown_value

    composed = compose_run(words=words)
    data = composed.settings.model_dump(mode="json")
    values = {key: value_of(data, tuple(key.split("."))) for key in composed.sources}
    origins = {key: str(source) for key, source in composed.sources.items()} if sources else {}
    manners = {key: manner_of(tuple(key.split("."))) for key in values}
    if as_json:
        report: dict[str, object] = {"choices": composed.choices, "values": values}
        report["config_sha"] = composed.settings.config_sha
        report["reload"] = {key: manner.reload for key, manner in manners.items()}
        report["reduces"] = {key: manner.reduces for key, manner in manners.items()}
        if sources:
            report["sources"] = origins
        print(canonical_json(report))
        return 0
    rows = [
        (key, shown_value(value), manners[key].reload, safer(tuple(key.split("."))), origins.get(key, ""))
        for key, value in values.items()
    ]
    head = "# key  value  reload  reduces" + ("  source" if sources else "")
    tell("\n".join([head, *_table(rows), f"config_sha  {composed.settings.config_sha}"]))
    return 0


def _table(rows: Sequence[tuple[str, str, str, str, str]]) -> list[str]:
    """Return lines of name, value, reload class, safer way and source, as wide as their group needs."""
    lines = []
    for _, group in groupby(rows, key=lambda row: row[0].rpartition(".")[0]):
        members = list(group)
        wide = max(len(row[0]) for row in members)
        high = max((len(row[1]) for row in members if len(row[1]) < 20), default=0)
        lines += [
            f"{key:<{wide}}  {text:<{high}}  {reload:<10}  {safe:<11}  {origin}".rstrip()
            for key, text, reload, safe, origin in members
        ]
    return lines


def _check(*, as_json: bool) -> int:
    from dataclasses import asdict

    from framework.files.atomic import canonical_json
    from framework.settings.check import check_conf
    from framework.settings.resolve import find_root

    results = check_conf(root=find_root())
    if as_json:
        print(canonical_json([asdict(result) for result in results]))
        return 0
    for result in results:
        which = "all" if result.exhaustive else "every pair"
        counted = f"{result.options} files, {result.combinations} combinations ({which})"
        print(f"conf/{result.primary}.yaml: {counted}: valid")
    return 0
