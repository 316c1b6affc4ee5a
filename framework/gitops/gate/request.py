"""What a gate is asked, and where it finds journals and tapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.gitops.desired.revision import Revision
from framework.gitops.gate.evidence import Progress
from framework.journal.entry import Kind, Row

Append = Callable[[str, Kind, Mapping[str, Any]], None]
Rows = Callable[[str], Sequence[Row]]


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """What is asked: two commits, which environment (None: all that need it), and where things are.

    ``home`` is what a tape's location is below; ``rows`` gives the attempts of an environment, ``append``
    adds to them, ``agent_rows`` its agent's journal; ``code_sha`` names the code that judges. ``workers``
    0 replays in this process. With ``spent_only`` no look is taken that the rows do not hold, with
    ``everything`` tapes judge what a check would do for; ``floor`` looks whether what is not judged still
    quotes. ``published`` journals say what runs. ``grounds`` are the commits that environments were
    compared with before, in place of a base that does not compose there, each with what it is.
    """

    base: Revision
    head: Revision
    home: Path
    rows: Rows
    agent_rows: Rows = lambda _environment: ()
    append: Append = lambda _environment, _kind, _data: None
    environment: str | None = None
    now: datetime | None = None
    code_sha: str | None = None
    workers: int | None = None
    spent_only: bool = False
    everything: bool = False
    floor: bool = True
    published: bool = False
    grounds: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = lambda _doing, _share: None
