"""What a patch may carry: the one judgement of `quoteops overrides check`, a watched file and a candidate."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from framework.settings.compose import Composed, compose_run
from framework.settings.errors import ConfigError
from framework.settings.gitops_files import environment_names, read_environment
from framework.settings.patch import Patch, candidate_faults, examine
from framework.settings.schema.run import RunSettings

Patched = Callable[[Patch], RunSettings]
"""Give the settings with a patch in place of the overrides file."""


@dataclass(frozen=True)
class Admitted:
    """A patch and the settings with it, or every fault that keeps it out, one line each."""

    patch: Patch | None
    settings: RunSettings | None
    faults: tuple[str, ...]

    def unwrap(self) -> tuple[Patch, RunSettings]:
        """Return the patch and the settings; raises ``ConfigError``: the first fault, and how many others."""
        if self.patch is None or self.settings is None:
            more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
            raise ConfigError(self.faults[0] + more)
        return self.patch, self.settings


def admit(text: str, *, where: str, json: bool, patched: Patched) -> Admitted:
    """Judge the text of a patch: value by value, then what comes out of it as a whole."""
    patch, faults = examine(text, where=where, json=json)
    if patch is None:
        return Admitted(None, None, tuple(faults))
    try:
        return Admitted(patch, patched(patch), ())
    except ConfigError as error:
        return Admitted(None, None, (str(error),))


def admit_file(text: str, *, name: str, root: Path) -> Admitted:
    """Judge a patch file as everything that uses it will: environments as overrides or candidate, else a run.

    ``name`` is its path from the root.
    """
    judged = [admit(text, where=name, json=name.endswith(".json"), patched=use) for use in _uses(name, root)]
    faults = tuple(dict.fromkeys(fault for one in judged for fault in one.faults))
    return Admitted(None, None, faults) if faults else judged[0]


def _uses(name: str, root: Path) -> Iterator[Patched]:
    uses = False
    for environment in environment_names(root):
        file = read_environment(root, environment)
        words = (f"soak.environment={environment}", "soak.overrides_file=null")
        if name == file.overrides:
            uses = True
            yield compose_run(words=words, root=root, environ={}).patched
        if name == file.candidate:
            uses = True
            yield _as_candidate(compose_run(words=words, root=root, environ={}))
    if not uses:
        yield compose_run(words=("soak.overrides_file=null",), root=root, environ={}).patched


def _as_candidate(composed: Composed) -> Patched:
    """Give what lays a patch over the baseline as its candidate."""

    def laid(patch: Patch) -> RunSettings:
        if faults := candidate_faults(patch):
            raise ConfigError(faults[0])
        return composed.patched(replace(patch, values={"rollout.candidate": patch.values}))

    return laid
