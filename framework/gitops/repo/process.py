"""Run git to its end: bounded by time, or by how long it says nothing; killed with all it started.

What was asked of it and what it says of it is shown without anybody's login.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PIECE = 65_536
KEPT = 16_000_000
"""Bytes of what a program says about its progress that are kept."""

_LOGIN = re.compile(r"(?<=//)\S*@")
"""Up to the last @ of a word: a password may hold one, and more of the address is no loss."""


class SilenceError(Exception):
    """Say that a program was ended because it took too long or said nothing for too long."""


@dataclass
class Processes:
    """The programs of one repository that are under way, so that they can be ended with their agent."""

    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    ended: bool = False

    def end(self) -> None:
        """End what is under way and whatever would follow."""
        self.ended = True
        for process in list(self.running):
            kill(process)

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        input: bytes | None,
        limit_s: float,
        silence_s: float | None = None,
    ) -> tuple[int, bytes, bytes]:
        """Run a program; return its exit code and what it wrote. Raises OSError and SilenceError.

        With ``silence_s`` it may take ``limit_s`` as long as it says something, if only its progress.
        """
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
        self.running.add(process)
        try:
            with process:
                try:
                    if self.ended:
                        raise SilenceError("the agent ends")
                    out, err = _listened(process, input, limit_s, silence_s)
                except subprocess.TimeoutExpired:
                    raise SilenceError(f"no answer within {limit_s:g} s") from None
                except BaseException:
                    kill(process)
                    raise
        finally:
            self.running.discard(process)
        if self.ended:
            raise SilenceError("the agent ends")
        return process.returncode, out, err


def git_environment() -> dict[str, str]:
    """Return this process's variables without those that would lead git elsewhere or let it ask."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10",
        "LC_ALL": "C",
    }


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and the helpers it started."""
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
            return
        except (ProcessLookupError, PermissionError):
            pass
    process.kill()


def _listened(
    process: subprocess.Popen[bytes], input: bytes | None, limit_s: float, silence_s: float | None
) -> tuple[bytes, bytes]:
    if silence_s is None:
        try:
            return process.communicate(input, timeout=limit_s)
        except subprocess.TimeoutExpired:
            kill(process)
            process.communicate()
            raise
    assert input is None
    assert process.stdout is not None
    assert process.stderr is not None
    ears = [_Ear(process.stdout), _Ear(process.stderr)]
    begun = moved = looked = time.monotonic()
    taken = 0
    while any(ear.thread.is_alive() for ear in ears):
        for ear in ears:
            ear.thread.join(0.02)
        now = time.monotonic()
        if now - looked > silence_s / 8:  # one large object comes without a word of progress
            looked, before, taken = now, taken, _taken(process.pid)
            moved = now if taken != before else moved
        if now - max(moved, *(ear.heard for ear in ears)) > silence_s:
            raise SilenceError(f"no answer within {silence_s:g} s")
        if now - begun > limit_s:
            raise SilenceError(f"not done within {limit_s:g} s")
    process.wait(timeout=silence_s)
    return bytes(ears[0].data), bytes(ears[1].data)


def _taken(pid: int) -> int:
    """Return how many bytes a program and those it started have read so far; 0 where no system tells."""
    proc, taken = Path(f"/proc/{pid}"), 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        taken = int((proc / "io").read_text().split("rchar:")[1].split()[0])
        for task in (proc / "task").iterdir():
            taken += sum(_taken(int(child)) for child in (task / "children").read_text().split())
    return taken


class _Ear:
    """What one pipe says, and when it said something last."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.data, self.heard = bytearray(), 0.0
        self.thread = threading.Thread(target=self._listen, args=(pipe,), daemon=True)
        self.thread.start()

    def _listen(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed: the program was ended
            while piece := os.read(pipe.fileno(), PIECE):
                self.heard = time.monotonic()
                if len(self.data) < KEPT:
                    self.data += piece


def without_login(text: str) -> str:
    """Return a text without the user and the password of any URL in it."""
    return _LOGIN.sub("", text)


def shown(args: Iterable[str]) -> str:
    """Return the words that say what was asked: the verb and its operands, no flags, no secrets."""
    words, skip = [], False
    for word in args:
        if skip or word == "-c":
            skip = not skip
        elif not word.startswith("-"):
            words.append(without_login(word))
    return " ".join(words)


def reason_of(err: bytes, code: int) -> str:
    """Return the line of git's complaint that says why, without any login."""
    lines = [without_login(line.strip()) for line in err.decode(errors="replace").splitlines()]
    faults = [line for line in lines if line.startswith(("fatal:", "error:", "!", "ERROR"))]
    faults = faults or [line for line in lines if line]
    ways = [line for line in lines if line.startswith("git config --global --add safe.directory")]
    return "; ".join([faults[0][:300], *ways[:1]]) if faults else f"exit code {code}"
