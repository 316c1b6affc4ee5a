"""Whether the process that wrote something down on this machine is gone for good: proven, or not known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")


def this_process() -> dict[str, object]:
    """Return what tells this process from any other, as far as the system says."""
    return {
        "pid": os.getpid(),
        "boot": _text(PROC / "sys/kernel/random/boot_id"),
        "space": _link(PROC / "self/ns/pid"),
        "started": _started(os.getpid()),
    }


def is_gone(process: Mapping[str, object]) -> bool:
    """Say whether a process that wrote itself down has ended, or is this very one.

    It is not known across machines, starts of one machine, or containers.
    """
    here, pid = this_process(), process.get("pid")
    same = all(here[name] and here[name] == process.get(name) for name in ("boot", "space"))
    if not same or type(pid) is not int or not process.get("started"):
        return False
    return process == here or _started(pid) != process.get("started")


def _started(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; empty when there is none."""
    text = _text(PROC / str(pid) / "stat")
    words = text.rpartition(")")[2].split()
    return words[19] if len(words) > 19 and words[0] not in ("Z", "X") else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
