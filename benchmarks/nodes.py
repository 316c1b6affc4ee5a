"""A Ray cluster of local processes: nodes of one core each, on the loopback address, and a kill."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Self

from framework.fanout.joining import imported, loopback

STORE_BYTES = 80 << 20


class Nodes:
    """Nodes of one core each; leaving the block ends every process of theirs."""

    def __init__(self, *, count: int) -> None:
        imported()
        os.environ.setdefault("RAY_worker_niceness", "0")  # else other work of this machine goes first
        from ray.cluster_utils import Cluster

        with loopback():
            self._cluster: Any = Cluster()
            self._nodes = [self._added(head=n == 0) for n in range(count)]
        self.address: str = self._cluster.address

    def _added(self, *, head: bool) -> Any:
        more = {"include_dashboard": False, "no_monitor": True} if head else {}
        return self._cluster.add_node(wait=False, num_cpus=1, object_store_memory=STORE_BYTES, **more)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.shutdown()

    def kill_last(self) -> None:
        """End the newest node at once, as a power cut would: SIGKILL to its processes."""
        self._cluster.remove_node(self._nodes.pop(), allow_graceful=False)
