"""Hydra's multirun: the words' lists become jobs, and a launcher of ours spreads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import QuoteopsError
from framework.fanout.lists import check_lists
from framework.files.hints import did_you_mean
from framework.settings.errors import ConfigError
from framework.settings.resolve import in_quotes, sweep_words

if TYPE_CHECKING:
    from framework.fanout.spread import App, Spread

LAUNCHERS = ("pool", "ray", "serial")
WORDS = ("hydra/launcher", "hydra.launcher.workers", "hydra.launcher.address", "hydra.sweep.dir")


def multirun(
    *,
    primary: str,
    words: Sequence[str],
    app: App,
    sweep_dir: Path,
    root: Path,
    environ: Mapping[str, str],
) -> list[Any]:
    """Run the app on every combination of the words' lists of values, spread as ``hydra/launcher`` says.

    Gives what the app gave for each, in order. Hydra's own record of the multirun goes to ``sweep_dir``.
    Raises ConfigError for words that cannot be combined, or what the app raised.
    """
    from hydra import version
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    _check(words)
    ready = [*sweep_words(root=root, primary=primary, words=words, environ=environ)]
    ready.append("hydra.sweep.dir=" + in_quotes(sweep_dir.as_posix().replace("${", r"\${")))
    check_lists(ready, typed=words)
    version.setbase("1.3")
    GlobalHydra.instance().clear()
    search = create_config_search_path(str(root / "conf"))
    hydra = Hydra.create_main_hydra2(task_name=primary, config_search_path=search)
    caught = _Caught(app, where=f"conf/{primary}.yaml")
    try:
        task: Any = caught
        batches = hydra.multirun(primary, task, overrides=ready, with_log_configuration=False)
    except HydraException as error:
        raise ConfigError(f"command line: {_first_line(error)}") from error
    finally:
        GlobalHydra.instance().clear()
    if caught.error is not None:
        raise caught.error
    return [job.return_value for batch in batches for job in batch]


class _Caught:
    """The app, whose refusal is kept: Hydra would print it first, in its own words."""

    def __init__(self, app: App, *, where: str) -> None:
        self.app, self.where = app, where
        self.error: QuoteopsError | KeyboardInterrupt | None = None

    def batch(self, *, cells: Sequence[Sequence[str]], spread: Spread) -> list[Any]:
        """Run the batch; give nothing for a batch that was refused."""
        try:
            return self.app.batch(cells=cells, spread=spread)
        except (QuoteopsError, KeyboardInterrupt) as error:
            self.error = error
            return [None] * len(cells)

    def __call__(self, _: Any) -> None:
        """Refuse another launcher than ours, which would call the app once a job."""
        self.error = ConfigError(
            f"{self.where}: hydra/launcher is none of ours; allowed {', '.join(LAUNCHERS)}, as in"
            f" `- override hydra/launcher: pool`"
        )


def _check(words: Sequence[str]) -> None:
    """Refuse what a sweep would not do: Hydra's other launchers and sweepers, folders of its own naming."""
    for word in words:
        key, _, value = word.partition("=")
        if not key.startswith(("hydra.", "hydra/")):
            continue
        if key not in WORDS:
            raise ConfigError(
                f"command line: {word} means nothing to a sweep; allowed {', '.join(WORDS)}"
                f"{did_you_mean(key, WORDS)}"
            )
        if key == "hydra/launcher" and value not in LAUNCHERS:
            raise ConfigError(
                f"command line: {word} is no launcher; allowed {', '.join(LAUNCHERS)}"
                f"{did_you_mean(value, LAUNCHERS)}"
            )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
