"""A Ray cluster to work on: the one at an address, or a short-lived one of this machine's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from framework.fanout.errors import FanoutError
from framework.fanout.outcome import one_line

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
LOOPBACK = "127.0.0.1"
ANSWER_S = 5.0
STORE_BYTES = 256 << 20


def start(*, workers: int | None, address: str | None, scratch: str) -> Any:
    """Join the cluster at an address, or start one of our own with its files in ``scratch``; give Ray.

    Raises FanoutError when Ray is not installed or the cluster cannot be had.
    """
    ray = imported()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is not None:
            host = _answering(address)
            with loopback() if host in (LOOPBACK, "localhost") else nullcontext():
                ray.init(address=address, **quiet)
            return ray
        with loopback():
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                _node_ip_address=LOOPBACK,
                _temp_dir=scratch,
                **quiet,
            )
    except FanoutError:
        raise
    except Exception as error:
        where = address or "a cluster of this machine's own"
        raise FanoutError(f"fanout: Ray cannot use {where}: {one_line(error)}") from error
    return ray


def _answering(address: str) -> str:
    """Give the host of a cluster that answers; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise FanoutError(f"fanout: address is {address}; allowed HOST:PORT of a Ray cluster's head")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except OSError as error:
        raise FanoutError(
            f"fanout: {address} does not answer ({error.strerror or error}); allowed a Ray cluster's head"
        ) from error
    return host


def imported() -> Any:
    """Import Ray with its calls home and its chatter on standard output off."""
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    try:
        import ray
        from ray._private import worker
    except ImportError as error:
        raise FanoutError(
            "fanout: Ray is not installed; allowed backend pool, or install the extra: pip install"
            " 'quoteops[ray]'"
        ) from error
    worker._worker_logs_enabled = False  # notices of dead workers; outcomes tell of them
    return ray


@contextmanager
def loopback() -> Iterator[None]:
    """Let a cluster of our own listen on the loopback address only, which Ray does where it knows none."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
