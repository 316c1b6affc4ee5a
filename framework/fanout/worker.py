"""A worker of the pool: a process that makes the calls it is sent until its parent is done or gone."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import connection, parent_process

from framework.fanout.outcome import call_packed


def work(pipe: connection.Connection) -> None:
    """Answer every (index, attempts, pickled item) with its outcome; a pickled job comes before its items.

    Ctrl-C is the parent's to hear. A parent that is gone, even killed, takes its workers along.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    job = b""
    while True:
        try:
            message = pipe.recv()
        except EOFError:
            return
        if message is None:
            return
        kind, *rest = message
        if kind == "job":
            job = rest[0]
            continue
        index, attempts, item = rest
        pipe.send(call_packed(job, item, index=index, attempts=attempts))


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
