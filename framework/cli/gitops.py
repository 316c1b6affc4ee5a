"""``quoteops gitops``: a closed table of verbs over the desired state in git and its evidence."""

from collections.abc import Sequence

from framework.errors import QuoteopsError

# verb -> (module with ``run(argv) -> exit code``, one line of help)
VERBS: dict[str, tuple[str, str]] = {
    "check": (
        "framework.cli.gitops_check",
        "what a change touches, its risk direction, what the policy says",
    ),
    "propose": ("framework.cli.gitops_propose", "make a branch and a pull request of tuned or swept values"),
    "reconcile": ("framework.cli.gitops_reconcile", "keep an environment as its branch says"),
    "status": ("framework.cli.gitops_status", "what is live in an environment, and why"),
    "rollback": ("framework.cli.gitops_rollback", "put the last good content back at once, then tell git"),
    "hold": ("framework.cli.gitops_hold", "keep what is in force, whatever the branch asks for"),
    "release": ("framework.cli.gitops_release", "end a hold, or take a rewritten branch"),
    "verify": ("framework.cli.gitops_verify", "check an evidence bundle, or run its gate again"),
    "gate": ("framework.cli.gitops_gate", "both configurations on the same tapes: may the change pass"),
    "record": ("framework.cli.gitops_record", "publish what a gate found in the journal's branch"),
    "promote": ("framework.cli.gitops_promote", "judge what was merged, and publish what it promotes"),
    "calibrate": ("framework.cli.gitops_calibrate", "how often the gate is wrong, and what it sees"),
    "journal": ("framework.cli.gitops_journal", "print or verify the journal of an environment"),
}


def run(argv: Sequence[str]) -> int:
    """Run one verb and return its exit code."""
    from importlib import import_module

    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if argv else 2
    verb, rest = argv[0], list(argv[1:])
    if verb not in VERBS:
        from framework.files.hints import did_you_mean

        hint = did_you_mean(verb, VERBS)
        raise QuoteopsError(f"quoteops gitops {verb}: no such verb; allowed {', '.join(VERBS)}{hint}")
    code: int = import_module(VERBS[verb][0]).run(rest)
    return code


def usage() -> str:
    """Return the help text: one line a verb."""
    lines = ["usage: quoteops gitops VERB [WORDS]", ""]
    lines += [f"  {verb:<11}{text}" for verb, (_, text) in VERBS.items()]
    lines += ["", "quoteops gitops VERB --help tells more."]
    lines += ["Exit codes: 0 pass or warn, 1 refused or failed, 2 could not run, 3 inconclusive."]
    return "\n".join(lines)
