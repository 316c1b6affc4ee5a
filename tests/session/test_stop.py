"""A run on the wall clock that somebody ends: what it has played is a run of its own, to the byte."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from framework.compiled.records import interpreted
from framework.session.stop import Stop
from framework.soak.run import Interrupted
from tests.command import only_run, private_copy, soaked

WALL = (
    "soak.hours=0.1", "soak.iterations=3", "soak.clock=wall", "market.preset=thin_spot",
    "exchange.latency_model=constant",
)  # fmt: skip


pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")


class NoWaiting:
    """A clock on which every slice is served when it is due."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        return self.at_ns

    def sleep_until(self, ns: int) -> None:
        self.at_ns = max(self.at_ns, ns)


@pytest.mark.parametrize(("iteration", "share"), [(2, 0.5), (2, 1.0), (3, 1.0)])
def test_a_stopped_run_is_the_beginning_of_the_whole_one(
    tmp_path: Path, iteration: int, share: float
) -> None:
    root, stop = private_copy(tmp_path), Stop()

    def at(doing: str, done: float) -> None:
        if doing == f"iteration {iteration} of 3" and done >= (iteration - 1 + share) / 3 - 1e-9:
            stop.heard = stop.heard or signal.SIGINT

    whole, _, _ = soaked(root, *WALL, clock=NoWaiting())
    early, folder, said = soaked(root, *WALL, clock=NoWaiting(), stop=stop, progress=at)
    assert whole.whole is not None
    assert early.whole is not None
    assert len(early.reports) == iteration
    assert early.market.iterations == iteration
    first = whole.whole.fills[whole.whole.fills["exch_ts_ns"] < early.whole.end_ns]
    assert early.whole.fills["exch_ts_ns"].tolist() == first["exch_ts_ns"].tolist()
    assert any(line.startswith("| soak | STOPPED | after ") for line in said) == (
        early.market.end_ns < whole.market.end_ns
    )
    assert all(row.reason.value == "last_iteration" for row in early.decisions[-1].rows if row.field)
    assert (folder / "reports" / "report.html").is_file()


def test_a_signal_while_the_report_is_made_does_not_cost_the_report(tmp_path: Path) -> None:
    root, stop = private_copy(tmp_path), Stop()

    def at(doing: str, _done: float) -> None:
        if doing == "reports":
            stop(signal.SIGINT)

    _, folder, _ = soaked(root, *WALL, clock=NoWaiting(), stop=stop, progress=at)
    assert stop.heard == signal.SIGINT
    assert (folder / "reports" / "report.html").is_file()
    assert json.loads((folder / "run.json").read_text())["status"] == "complete"


def test_a_signal_is_noted_once_after_it_is_armed_and_breaks_off_otherwise() -> None:
    stop = Stop()
    with pytest.raises(KeyboardInterrupt):
        stop(signal.SIGINT)
    stop.arm()
    assert not stop.wanted()
    stop(signal.SIGTERM)
    assert stop.wanted()
    with pytest.raises(KeyboardInterrupt):
        stop(signal.SIGINT)
    assert stop.heard == signal.SIGTERM


def test_an_interrupt_that_a_library_answers_with_a_fault_of_its_own_is_an_interrupt(tmp_path: Path) -> None:
    stop = Stop()

    def library(*_: object) -> None:
        try:
            stop(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise ValueError("cannot build a serializer: KeyboardInterrupt") from error

    root = private_copy(tmp_path)
    with pytest.raises(Interrupted, match="is marked incomplete"):
        soaked(root, *WALL, stop=stop, progress=library)
    assert json.loads((only_run(root) / "run.json").read_text())["reason"] == "interrupted"
