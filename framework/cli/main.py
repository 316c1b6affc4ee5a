"""The command ``quoteops``: closed tables of verbs, each imported only when it is asked for."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from framework.cli.streams import COULD_NOT_RUN, outlets, stoppable
from framework.errors import QuoteopsError


class Verbs(NamedTuple):
    """A table of verbs: each is a module with ``run(argv) -> exit code``, or a table again."""

    prog: str
    rows: Mapping[str, tuple[str | Verbs, str]]
    ends: tuple[str, ...]
    """What stands below them in the help: the exit codes."""

    def usage(self) -> str:
        """Return the help text: one line a verb."""
        lines = [f"usage: {self.prog} VERB [WORDS]", ""]
        lines += [f"  {verb:<11}{text}" for verb, (_, text) in self.rows.items()]
        return "\n".join([*lines, "", *self.ends])


GITOPS = Verbs(
    "quoteops gitops",
    {
        "check": (
            "framework.cli.gitops_check",
            "what a change touches, its risk direction, what the policy says",
        ),
        "propose": (
            "framework.cli.gitops_propose",
            "make a branch and a pull request of tuned or swept values",
        ),
        "reconcile": ("framework.cli.gitops_reconcile", "keep an environment as its branch says"),
        "status": ("framework.cli.gitops_status", "what is live in an environment, and why"),
        "rollback": (
            "framework.cli.gitops_rollback",
            "put the last good content back at once, then tell git",
        ),
        "hold": ("framework.cli.gitops_hold", "keep what is in force, whatever the branch asks for"),
        "release": ("framework.cli.gitops_release", "end a hold, or take a rewritten branch"),
        "verify": ("framework.cli.gitops_verify", "check an evidence bundle, or run its gate again"),
        "gate": ("framework.cli.gitops_gate", "both configurations on the same tapes: may the change pass"),
        "record": ("framework.cli.gitops_record", "publish what a gate found in the journal's branch"),
        "promote": ("framework.cli.gitops_promote", "judge what was merged, and publish what it promotes"),
        "calibrate": ("framework.cli.gitops_calibrate", "how often the gate is wrong, and what it sees"),
        "journal": ("framework.cli.gitops_journal", "print or verify the journal of an environment"),
    },
    (
        "quoteops gitops VERB --help tells more.",
        "Exit codes: 0 pass or warn, 1 refused or failed, 2 could not run, 3 inconclusive.",
    ),
)
QUOTEOPS = Verbs(
    "quoteops",
    {
        "soak": (
            "framework.cli.soak",
            "replay a market, judge the KPIs, tune, report (-m: a sweep)",
        ),
        "config": (
            "framework.cli.config",
            "show every effective value and its source; check what conf/ offers",
        ),
        "overrides": (
            "framework.cli.overrides",
            "check, show, compare and edit the patches of run-time values",
        ),
        "tape": ("framework.cli.tape", "import, describe, check and synthesise market tapes"),
        "edge": ("framework.cli.edge", "edge audit, extended report, sentinel"),
        "kpi": ("framework.cli.kpi", "judge a report against a KPI profile"),
        "gitops": (GITOPS, "check, judge, propose and apply changes of parameters through git"),
    },
    (
        "quoteops VERB --help tells more.",
        "Exit codes: 0 pass or warn, 1 fail, 2 not run, 3 inconclusive.",
    ),
)

READER_LEFT = 141
"""What a shell shows of a command that SIGPIPE ended, as git is by ``| head``."""
OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Python's own number, 700, has the collector walk through every module while it is being imported."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; every refusal is one line on stderr and exit code 2.

    What a verb says may find no reader, a closed stream or a full disk: it does its work all the same, and
    the exit code says that its answer has not arrived.
    """
    alone = argv is None  # a process of its own, not a call from Python
    words = list(sys.argv[1:] if argv is None else argv)
    if alone:
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads that nothing here uses
        os.environ.setdefault(
            "PYDANTIC_DISABLE_PLUGINS", "1"
        )  # pydantic would ask every distribution for one
    with outlets() as out, stoppable(last=alone):
        code = _guarded(words)
        out.flush()
        if out.left and code != COULD_NOT_RUN:
            code = READER_LEFT
        elif out.fault and code != COULD_NOT_RUN:
            print(f"error: stdout: {out.fault}; the command ran and would end with {code}", file=sys.stderr)
            code = COULD_NOT_RUN
    if alone:
        gc.freeze()  # what is left goes with the process; the collector need not look through it
    return code


def _guarded(words: list[str]) -> int:
    try:
        return _dispatch(words)
    except QuoteopsError as error:
        _refuse(one_line(str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return COULD_NOT_RUN
    except SystemExit as end:  # argparse, once it has printed its help
        return end.code if isinstance(end.code, int) else 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _refuse(one_line(f"{where}{error.strerror or error}"))
        return COULD_NOT_RUN
    except Exception:  # noqa: BLE001 - a fault of ours: Python would end with 1, which is the verdict FAIL here
        import traceback

        traceback.print_exc()
        return COULD_NOT_RUN


def _refuse(line: str) -> None:
    from framework.cli.show import tell

    tell(f"error: {line}", out=sys.stderr)


def one_line(text: str) -> str:
    """Return a text as one line: a word or a file's name may hold breaks of its own."""
    return "\\n".join(text.splitlines())


def _dispatch(words: list[str], table: Verbs = QUOTEOPS) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(table.usage())
        return 0 if words else COULD_NOT_RUN
    verb, rest = words[0], words[1:]
    if verb == "--version" and table is QUOTEOPS:
        from importlib.metadata import version

        print(f"quoteops {version('quoteops')}")
        return 0
    if verb not in table.rows:
        from framework.files.hints import did_you_mean

        known = table.rows
        raise QuoteopsError(
            f"{table.prog} {verb}: no such verb; allowed {', '.join(known)}{did_you_mean(verb, known)}"
        )
    from importlib import import_module

    _check_utf8(words)
    target, _ = table.rows[verb]
    if isinstance(target, Verbs):
        return _dispatch(rest, target)
    code: int = import_module(target).run(rest)
    return code


def _check_utf8(words: Sequence[str]) -> None:
    """Refuse what no file or page could name: every text that is written is UTF-8."""
    for text in (*words, os.getcwd()):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise QuoteopsError(
                f"command line: {text}: is not UTF-8; allowed words and a working folder in UTF-8"
            ) from error


if __name__ == "__main__":
    sys.exit(main())
