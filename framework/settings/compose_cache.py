"""What Hydra composed, kept by the content of everything it read: a second start does not compose again.

Importing Hydra and composing take a quarter of a second, the largest part of starting a replay. The result
depends on the files of conf/ and the words alone, so it is kept as plain JSON under a digest of both.
"""

import contextlib
import json
import sys
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from re import Match
from re import compile as regex
from typing import Any

from framework.files.atomic import canonical_json, sha256_of, write_atomic
from framework.files.cache import user_cache
from framework.files.errors import FileError

HYDRA = "1.3.8"
"""The pinned version: what another one composes is not kept."""
FORMAT = 3
NOW = regex(r"\$\{now:([^${}]*)\}")


def composition_key(*, conf: Path, primary: str, words: tuple[str, ...]) -> str:
    """Digest everything a composition depends on."""
    files = sorted(conf.rglob("*.yaml"))
    content = [(path.relative_to(conf).as_posix(), sha256(path.read_bytes()).hexdigest()) for path in files]
    return sha256_of(canonical_json([FORMAT, HYDRA, sys.version_info[:2], primary, words, content]))


def read_kept(key: str) -> tuple[dict[str, Any], str] | None:
    """Return the values and the template of the run's folder, None when they are not kept or damaged."""
    try:
        digest, _, text = _file(key).read_text(encoding="utf-8").partition("\n")
        if digest != sha256(text.encode()).hexdigest():
            return None
        kept = json.loads(text)
        raw, run_dir = kept["raw"], kept["run_dir"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (raw, run_dir) if isinstance(raw, dict) and isinstance(run_dir, str) else None


def keep(key: str, *, raw: dict[str, Any], run_dir: str, hydra_version: str) -> None:
    """Keep a composition, unless its folder's name needs Hydra or the cache cannot be written.

    Keys stay in the order of the files: that of a rule's steps is the order in which they are tried.
    """
    if hydra_version != HYDRA or "${" in NOW.sub("", run_dir):
        return
    with contextlib.suppress(FileError, ValueError, TypeError):
        text = json.dumps({"raw": raw, "run_dir": run_dir})
        write_atomic(path=_file(key), data=f"{sha256(text.encode()).hexdigest()}\n{text}")


def named_now(template: str) -> str:
    """Fill the time into a folder's name, as Hydra's ``now`` resolver does."""
    moment = datetime.now()  # one moment for the whole name

    def fill(match: Match[str]) -> str:
        return moment.strftime(match[1])

    return NOW.sub(fill, template)


def _file(key: str) -> Path:
    return user_cache() / "composed" / f"{key}.txt"
