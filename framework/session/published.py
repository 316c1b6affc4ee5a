"""The documented paths: ``artifacts/reports``, ``soak``, ``edge/trades.jsonl`` show the latest complete run.

``artifacts/soak`` is a folder of its own, for people write ``runtime_overrides.json`` there before a run:
what they write must not reach into the run it shows, and is told from what the run left by its bytes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from hashlib import sha256
from pathlib import Path

from framework.files.atomic import read_text, sha256_of, write_atomic
from framework.files.errors import FileError

POINTER = "LATEST"
OVERRIDES = "runtime_overrides.json"
OURS = f".{OVERRIDES}.sha256"
REPORT = "EDGE_REPORT.json"
TRADES = "edge/trades.jsonl"
FILES = (
    "index.html", REPORT, TRADES, f"soak/{OVERRIDES}",
    "soak/audit.jsonl", "soak/metrics.jsonl", "soak/summary.txt", "soak/TUNING_REPORT.json",
    "reports/EDGE_REPORT.json", "reports/KPI_GATE.json", "reports/soak_metrics.json",
    "reports/gates_summary.json", "reports/SOAK_RESULTS.md", "reports/report.html",
)  # fmt: skip


def check_places(artifacts: Path) -> None:
    """Raise FileError where something of another kind lies in a documented path: asked before a run."""
    for name in ("soak", "edge", "soak/iterations"):
        place = artifacts / name
        if place.exists() and not place.is_dir():
            raise FileError(f"{place}: is not a folder; allowed a folder, or nothing")
    for name in FILES:
        place = artifacts / name
        if place.exists() and not place.is_file():
            raise FileError(f"{place}: is not a plain file; allowed a file, or nothing")


def publish(run: Path, *, artifacts: Path) -> None:
    """Show a run at the documented paths; raises FileError where something of another kind is in the way."""
    if not _linked(artifacts / "reports", run / "reports"):
        _fill(artifacts / "reports", run / "reports")
        write_atomic(path=artifacts / "reports" / POINTER, data=f"{run / 'reports'}\n")
    place, source = artifacts / "soak", run / "soak"
    if place.is_symlink():
        place.unlink()
    _keep_aside(artifacts)
    _fill(place, source)
    text = read_text(source / OVERRIDES)
    write_atomic(path=place / OURS, data=f"{sha256_of(text)}\n")
    write_atomic(path=place / OVERRIDES, data=text)  # a file of its own in place of the link
    write_atomic(path=place / POINTER, data=f"{source}\n")
    _show(artifacts / REPORT, run / "reports" / REPORT)
    _folder((artifacts / TRADES).parent)
    _show(artifacts / TRADES, run / TRADES)


def written_by_hand(artifacts: Path) -> Path | None:
    """Return ``artifacts/soak/runtime_overrides.json`` if somebody has put it there since the latest run."""
    place = artifacts / "soak"
    file = place / OVERRIDES
    if place.is_symlink() or not file.is_file():
        return None
    try:
        ours = (place / OURS).read_text(encoding="utf-8").strip()
        return None if ours == sha256_of(file.read_text(encoding="utf-8")) else file
    except (OSError, UnicodeDecodeError):  # whoever reads the file says what is wrong with it
        return file


def _keep_aside(artifacts: Path) -> None:
    """Keep what somebody wrote by hand beside the run's file that takes its place: nobody's work is lost."""
    file = written_by_hand(artifacts)
    if file is None:
        return
    try:
        digest = sha256(file.read_bytes()).hexdigest()
        file.replace(file.with_name(f"{file.stem}.by-hand-{digest[:8]}.json"))
    except OSError as error:
        raise FileError(f"{file}: cannot keep: {error.strerror or error}") from error


def behind(path: Path) -> Path:
    """Return the run's own folder or file behind a documented path; any other path as it is."""
    folder = path.parent if path.name == OVERRIDES else path
    pointer = folder / POINTER
    if not pointer.is_file() or (folder != path and written_by_hand(folder.parent) is not None):
        return path
    target = Path(pointer.read_text(encoding="utf-8").strip())
    return target if folder == path else target / path.name


def _fill(place: Path, source: Path) -> None:
    """Show every entry of a folder in another; a file in the way is replaced, a folder is filled likewise."""
    _folder(place)
    for old in place.iterdir():
        if old.is_symlink() and not (source / old.name).exists():
            old.unlink()
    for entry in sorted(source.iterdir()):
        shown = place / entry.name
        if not entry.is_dir():
            _show(shown, entry)
        elif not _linked(shown, entry):
            _fill(shown, entry)


def _folder(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{place}: cannot create: {error.strerror or error}; allowed a folder") from error


def _show(shown: Path, target: Path) -> None:
    """Show a file: by a symbolic link, a hard link or a copy, as the system allows."""
    if _linked(shown, target):
        return
    fresh = _beside(shown)
    try:
        try:
            os.link(target, fresh)
        except OSError:
            shutil.copyfile(target, fresh)
        fresh.replace(shown)
    except OSError as error:
        raise FileError(f"{shown}: cannot write: {error.strerror or error}; allowed a file") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _linked(link: Path, target: Path) -> bool:
    """Replace a symbolic link in one step; False where links cannot be made or a folder is in the way."""
    if link.is_dir() and not link.is_symlink():
        return False
    fresh = _beside(link)
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(target, link.parent), target_is_directory=target.is_dir())
        fresh.replace(link)
    except (OSError, ValueError):  # no right to make links, or another drive: Windows
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        return False
    return True


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
