"""A git server behind a line of our making: slow, or dead after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.gitops.repository import clean_environment


@dataclass
class Line:
    """What the line does with what the server sends; changed while it is used."""

    url: str = ""
    bytes_a_second: int | None = None
    dies_after: int | None = None
    """Bytes of one connection, after which nothing comes any more and nothing is closed."""

    kept: list[socket.socket] = field(default_factory=list)


@contextlib.contextmanager
def line_to(remote: Path) -> Iterator[Line]:
    """Serve a bare repository's folder by ``git daemon``, through a line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    daemon = subprocess.Popen(
        ["git", "daemon", "--reuseaddr", f"--base-path={remote.parent}", "--export-all",
         "--enable=receive-pack", "--listen=127.0.0.1", f"--port={port}"],
        env=clean_environment(), stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            line = Line(f"git://127.0.0.1:{server.getsockname()[1]}/{remote.name}")
            threading.Thread(target=_accept, args=(server, port, line), daemon=True).start()
            yield line
    finally:
        daemon.terminate()
        daemon.wait(20)
        for end in line.kept:
            end.close()


def _accept(server: socket.socket, port: int, line: Line) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            there = _connected(port)
            line.kept += [client, there]
            threading.Thread(target=_pump, args=(client, there, Line()), daemon=True).start()
            threading.Thread(target=_pump, args=(there, client, line), daemon=True).start()


def _connected(port: int) -> socket.socket:
    for _ in range(500):
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port))
        time.sleep(0.02)
    raise OSError("the git daemon did not start")


def _pump(source: socket.socket, target: socket.socket, line: Line) -> None:
    sent = 0
    with contextlib.suppress(OSError):
        while data := source.recv(4_096):
            if line.dies_after is not None and sent > line.dies_after:
                return
            target.sendall(data)
            sent += len(data)
            if line.bytes_a_second:
                time.sleep(len(data) / line.bytes_a_second)
        target.shutdown(socket.SHUT_WR)
