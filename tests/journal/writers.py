"""Several processes that append to one journal at once."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

from framework.journal.journal import Journal, Kind

WRITERS = 4


def append_at_once(append: Callable[[Path, int, int], None], path: Path, *, count: int) -> None:
    """Let every writer append its entries, named by their topic and numbered; none may be lost or turned."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=append, args=(path, k, count)) for k in range(WRITERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    entries = [entry for entry in Journal(path).entries() if entry.kind is Kind.ALERT]
    assert len(entries) == WRITERS * count
    for writer in range(WRITERS):
        numbers = [entry.data["number"] for entry in entries if entry.data["topic"] == f"{writer}"]
        assert numbers == list(range(count))
