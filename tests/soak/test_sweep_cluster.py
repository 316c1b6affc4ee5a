"""A sweep on two Ray nodes, one of them killed in mid-sweep: the table is as if nothing had been."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framework.compiled.records import interpreted
from framework.fanout.errors import FanoutError
from framework.fanout.run import open_fanout
from framework.market.tapes.open import TapeCache
from framework.market.tapes.share import share_tape
from framework.session.window import tape_sources
from framework.settings.compose import compose_run
from framework.soak.sweep.cell import PlayCell, cell_of, code_digest, play_cell
from framework.soak.sweep.run import run_sweep
from tests.command import QUICK, REPOSITORY, private_copy

pytest.importorskip("ray", reason="Ray is an extra and is not installed")
pytestmark = [
    pytest.mark.usefixtures("quiet_environment"),
    pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code"),
    pytest.mark.slow,
]

WORDS = (
    "soak.hours=0.5",
    "soak.iterations=1",
    "soak.auto_tune=false",
    "market.preset=thin_spot",
    "params.base_spread_bps_delta=0.0,0.1,0.2,0.3",
    "params.min_interval_ms=60,70,80",
)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    from benchmarks.nodes import Nodes

    with Nodes(count=2) as found:
        yield found


def swept(root: Path, *words: str, log: Any = lambda _: None) -> tuple[dict[str, Any], Path]:
    sweep, folder = run_sweep(words=words, log=log, progress=lambda _d, _s: None, root=root, pages=False)
    return sweep.as_dict(), folder


def test_a_tape_that_travels_is_the_tape_that_is_mapped(nodes: Any) -> None:
    """On a machine without the tape's folder the columns come through the object store, once a node."""
    cell = cell_of(compose_run(words=QUICK, root=REPOSITORY, environ={}))
    (source,) = tape_sources(cell.settings)
    handle = share_tape(source, cache=TapeCache(), travels=True)
    mapped = play_cell(cell=cell, tapes={source: handle})
    job = PlayCell({source: replace(handle, folder="/nowhere")}, code_digest())
    with open_fanout(backend="ray", address=nodes.address) as fanout:
        one, other = fanout.run(job, [cell, cell], on_done=lambda _: None)
    assert one.unwrap().report == other.unwrap().report == mapped.report


def test_a_worker_with_other_sources_refuses_to_play(nodes: Any) -> None:
    cell = cell_of(compose_run(words=QUICK, root=REPOSITORY, environ={}))
    with open_fanout(backend="ray", address=nodes.address) as fanout:
        (outcome,) = fanout.run(PlayCell({}, "another"), [cell], on_done=lambda _: None)
    assert (outcome.refused, outcome.error) == (
        True,
        "this worker runs another version of quoteops; install the same on every node",
    )


def test_one_of_two_nodes_is_killed_in_mid_sweep_and_nothing_changes(nodes: Any, tmp_path: Path) -> None:
    root = private_copy(tmp_path)
    alone, place = swept(root, *WORDS, "hydra/launcher=serial")
    said: list[str] = []

    def log(line: str) -> None:
        said.append(line)
        if len(said) == 3:
            nodes.kill_last()

    cluster = ("hydra/launcher=ray", f"hydra.launcher.address='{nodes.address}'")
    together, folder = swept(root, *WORDS, *cluster, log=log)
    assert together == alone
    assert (folder / "SWEEP.json").read_bytes() == (place / "SWEEP.json").read_bytes()
    assert (together["status"], together["trials"]) == ("complete", 12)
    retried = [line for line in said if line.startswith("| soak_sweep | RETRIED |")]
    assert len(said) == 12 + len(retried)


def test_an_address_where_nobody_answers_is_refused_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    for where, said in ((address, "does not answer"), ("ray://x", "allowed HOST:PORT")):
        with pytest.raises(FanoutError, match=said), open_fanout(backend="ray", address=where):
            pass
