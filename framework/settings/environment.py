"""What lies beneath an environment's patch: its profile, rollout, candidate and words, composed."""

from pathlib import Path

from framework.settings.compose import Composed, compose_run
from framework.settings.gitops_files import environment_words
from framework.settings.schema.gitops import EnvironmentFile


def compose_beneath(root: Path, environment: EnvironmentFile) -> Composed:
    """Compose what lies beneath an environment's patch, its candidate among it, from the tree alone.

    Raises ``ConfigError`` or ``FileError``.
    """
    named = environment.candidate
    return compose_run(
        words=environment_words(environment),
        root=root,
        environ={},
        candidate=None if named is None else root / named,
    )
