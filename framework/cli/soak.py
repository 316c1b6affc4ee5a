"""``quoteops soak``: replay a market, judge the KPIs, tune, report; a Hydra app of ``key=value`` words."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.cli.documented import DOCUMENTED, export, meant_by, translated, with_input
from framework.cli.streams import heard_by, timed
from framework.settings.errors import ConfigError

FLAGS = {"--json": "print one JSON value; the lines above go to stderr", "--help": "say all this"}
SWEEP = ("-m", "--multirun")
RESUME = "--resume"
COMPARE = "--compare"


def run(argv: Sequence[str]) -> int:
    """Run one soak, or a sweep with -m; return the exit code of the verdict, of a sweep the leader's."""
    if "-h" in argv or "--help" in argv:
        from framework.cli.soak_help import usage

        print(usage(), end="")
        return 0
    argv, exports = translated(argv)
    argv, resume = _taken(argv, RESUME, "FOLDER")
    argv, earlier = _taken(argv, COMPARE, "RUN")
    words = [word for word in argv if not word.startswith("-")]
    flags = [word for word in argv if word.startswith("-")]
    for flag in flags:
        if flag not in (*FLAGS, *SWEEP):
            known = (*SWEEP, RESUME, COMPARE, *FLAGS)
            hint = meant_by(flag.partition("=")[0], known)
            raise ConfigError(
                f"quoteops soak: no flag {flag}; allowed {', '.join((*known, *DOCUMENTED))}{hint}"
            )
    as_json = "--json" in flags
    if resume is not None or set(flags) & set(SWEEP):
        if exports:
            raise ConfigError("quoteops soak: a sweep exports nothing; its table is SWEEP.json in its folder")
        if earlier is not None:
            raise ConfigError(f"quoteops soak: {COMPARE} beside a sweep; allowed with one soak")
        return _sweep(words, as_json, resume)
    for target in exports.values():
        if target.is_dir():
            raise ConfigError(f"quoteops soak: {target} is a folder; allowed a file to export to")
    return _soak(words, as_json, exports, earlier)


def _taken(argv: Sequence[str], flag: str, what: str) -> tuple[list[str], str | None]:
    """Take a flag with its value, ``--resume FOLDER``, out of the command line."""
    rest = list(argv)
    for place, word in enumerate(rest):
        if word == flag or word.startswith(f"{flag}="):
            name, _, folder = word.partition("=")
            del rest[place]
            if not folder and place < len(rest) and not rest[place].startswith("-"):
                folder = rest.pop(place)
            if not folder:
                raise ConfigError(f"quoteops soak: {name} names no folder; allowed {flag} {what}")
            return rest, folder
    return rest, None


def _soak(words: Sequence[str], as_json: bool, exports: Mapping[str, Path], earlier: str | None) -> int:
    from framework.settings.compose import compose_run
    from framework.settings.resolve import find_root

    words, told = with_input(words, root=find_root())
    composed = compose_run(primary="soak", words=words)
    from framework.cli.show import Show
    from framework.files.atomic import canonical_json
    from framework.session.stop import Stop
    from framework.soak.earlier import earlier_run, write_comparison
    from framework.soak.reports import gates_summary
    from framework.soak.run import run_soak
    from framework.soak.text import headline_lines

    artifacts = composed.root / "artifacts"
    beside = None if earlier is None else earlier_run(earlier, artifacts=artifacts)
    stop = Stop()
    with Show(out=sys.stderr if as_json else sys.stdout) as show, heard_by(stop):
        log = timed(show.line) if composed.settings.soak.clock == "wall" else show.line
        for line in told:
            log(line)
        result, folder = run_soak(composed=composed, log=log, progress=show.progress, stop=stop)
        export(folder, exports=exports)
        last = []
        if beside is not None:
            last += write_comparison(result, folder, earlier=beside, artifacts=artifacts)
        if stop.heard is not None:
            last += [f"stopped on purpose after {result.hours:.3g} h: the report is of what was traded"]
        if not as_json:
            last += [f"report: {show.path(folder / 'reports' / 'report.html')}", *headline_lines(result)]
        for line in last:
            log(line)
    if as_json:
        print(canonical_json({**gates_summary(result), "run_dir": str(folder)}))
    if stop.heard is None:
        return result.verdict.exit_code
    return 0 if composed.settings.soak.environment is not None else 128 + stop.heard


def _sweep(words: Sequence[str], as_json: bool, resume: str | None) -> int:
    from framework.cli.show import Show
    from framework.files.atomic import canonical_json
    from framework.files.bounded import as_given
    from framework.settings.resolve import find_root
    from framework.soak.sweep.run import run_sweep
    from framework.soak.sweep.text import sweep_text

    with Show(out=sys.stderr if as_json else sys.stdout) as show:
        sweep, folder = run_sweep(
            words=words,
            log=show.line,
            progress=show.progress,
            resume=None if resume is None else Path(resume),
        )
        if not as_json:
            page, given = show.path(folder / "SWEEP.html"), as_given(folder, Path.cwd())
            for line in sweep_text(
                sweep, folder=given, root=find_root(), page=page, columns=show.columns
            ).splitlines():
                show.line(line)
    if as_json:
        print(canonical_json({**sweep.as_dict(), "run_dir": str(folder)}))
    return sweep.verdict.exit_code
