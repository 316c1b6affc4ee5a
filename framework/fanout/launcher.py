"""Hydra's launchers of our own: a multirun's jobs go to the app in one batch, with the way to spread them.

Hydra's launchers compose each job and call the app once a job. Ours give the app every job's words at once:
it composes those that share files together, and ``run_all`` spreads the calls.

Only hydra_plugins imports this: Hydra runs the modules of its own plugins once more when it looks for others,
and a subclass of what was there before is then a subclass of nothing it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from framework.fanout.run import BackendName
from framework.fanout.spread import Spread


class FanoutLauncher(Launcher):
    """Hand the jobs of a multirun to the app."""

    backend: BackendName

    def __init__(self, *, workers: int | None = None, address: str | None = None) -> None:
        self._spread = Spread(self.backend, workers, address)
        self._app: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the app."""
        self._app = task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; what one raises ends the batch, as the app decides."""
        cells = [tuple(word.removeprefix("++") for word in words) for words in job_overrides]
        values = self._app.batch(cells=cells, spread=self._spread)
        return [_returned(words, value) for words, value in zip(job_overrides, values, strict=True)]


def _returned(words: Sequence[str], value: Any) -> JobReturn:
    job = JobReturn()
    job.overrides, job.status, job.return_value = list(words), JobStatus.COMPLETED, value
    return job


class GridSweeper(BasicSweeper):
    """Hydra's own grid, whose jobs are composed and checked once, by the app, instead of twice."""

    def __init__(self) -> None:
        super().__init__(max_batch_size=None)

    def validate_batch_is_legal(self, batch: Any) -> None:
        """Leave it to the app, which composes and validates every job before the first runs."""
