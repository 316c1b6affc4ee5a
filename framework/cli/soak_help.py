"""``quoteops soak --help``: every word that can be said, read from conf/ and the models."""

from __future__ import annotations

from textwrap import wrap

from framework.settings.describe import allowed, fields_at
from framework.settings.documents import parse_yaml
from framework.settings.resolve import find_root, options_of
from framework.settings.schema.run import RunSettings

HEAD = """usage: quoteops soak [-m] [--json] [--compare RUN] [WORDS]
       quoteops soak --resume FOLDER

Replay a market in iterations, judge the KPIs, tune the six run-time parameters
between iterations, and leave reports in artifacts/runs/soak/. Without words:
three hours of a synthetic market in six tuned iterations.

  -m, --multirun   run every combination of lists among the words, ranked
  --resume FOLDER  play what is missing of a sweep that was cut off
  --compare RUN    say afterwards what differs from an earlier run
  --json           print one JSON value; all other lines go to stderr

Scripts may say some words as flags: --hours N, --iterations N, --auto-tune.
--export-json FILE, --export-md FILE and --gate-summary FILE copy
soak_metrics.json, SOAK_RESULTS.md and gates_summary.json there.

  quoteops soak market=tape market.path=artifacts/tapes/NAME soak.hours=tape
  quoteops soak "market.symbols=[AUSDT,BUSDT]" soak.hours=0.5
  quoteops soak profile=conservative params.base_spread_bps_delta=0.2
  quoteops soak -m params.base_spread_bps_delta=0.0,0.1,0.3
"""
TAIL = """
Any other value of these files is a word as well: `quoteops config show
--sources` prints all of them with where they come from, docs/conf.md explains
each. hydra.run.dir=FOLDER names the folder of the run (a new or empty one),
hydra.sweep.dir=FOLDER that of a sweep. A sweep is spread over the cores
(hydra/launcher=pool hydra.launcher.workers=N), or over a Ray cluster
(hydra/launcher=ray hydra.launcher.address=HOST:PORT).

Exit codes: 0 PASS or WARN, 1 FAIL, 2 could not run or was not completed,
3 INCONCLUSIVE. Of a sweep it is how its leader compares with what runs:
0 BETTER, 1 WORSE or TOO QUIET, 2 none could be compared, 3 NOT PROVEN.
"""


def usage() -> str:
    """Return the help text; raises ConfigError outside a repository."""
    root = find_root()
    conf = root / "conf"
    chosen = _chosen((conf / "soak.yaml").read_text(encoding="utf-8"))
    lines = [HEAD, "Files, GROUP=NAME (the default first):"]
    for group, default in chosen.items():
        others = [name for name in options_of(conf, group) if name != default]
        lines += wrap(
            ", ".join([default, *others]),
            78,
            initial_indent=f"  {group + '=':<16}",
            subsequent_indent=" " * 18,
        )
    for group in ("soak", "params", "market"):
        lines += ["", f"Values, {group}.KEY=VALUE:"]
        for name, field in fields_at(RunSettings, (group,)).items():
            if name != "kind":
                lines += _entry(f"{group}.{name}=", allowed(field))
    return "\n".join(lines) + "\n" + TAIL


def _entry(word: str, told: str) -> list[str]:
    """Give a word and what it allows, in lines of at most 79 characters."""
    indent = " " * 32
    return wrap(told, 79, initial_indent=f"  {word:<30}", subsequent_indent=indent, break_long_words=False)


def _chosen(text: str) -> dict[str, str]:
    """Return group to default from the primary conf's list; a choice left to the environment shows its
    fallback.
    """
    entries = parse_yaml(text, where="conf/soak.yaml").data["defaults"]
    pairs = [next(iter(entry.items())) for entry in entries if isinstance(entry, dict)]
    return {
        group: option.rstrip("}").rpartition(",")[2]
        for group, option in pairs
        if not group.startswith("override")
    }
