"""``quoteops gitops release``: the other half of ``hold``, in its module."""

from framework.cli.gitops_hold import run_release as run

__all__ = ["run"]
