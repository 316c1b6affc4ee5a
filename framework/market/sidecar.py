"""What tape.json says of a tape: the instrument, where it came from, and its files with their digests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from framework.files.moments import iso_utc_ns
from framework.market.errors import TapeError
from framework.market.instrument import Instrument
from framework.market.tape import SCHEMA_HASH, Tape, TapeMeta

ARCHIVE_KEYS = frozenset({
    "schema_hash", "digest", "instrument", "source", "format", "faults", "measures", "rows", "funding_rows",
    "files",
})  # fmt: skip


@dataclass(frozen=True)
class Sidecar:
    """Everything of a tape but its columns; picklable, and small."""

    instrument: Instrument
    meta: TapeMeta
    rows: int
    funding_rows: int

    @classmethod
    def of(cls, tape: Tape) -> Self:
        """Describe a tape."""
        meta = replace(tape.meta, faults=dict(tape.meta.faults), measures=dict(tape.meta.measures))
        return cls(tape.instrument, meta, len(tape), len(tape.funding_ts_ns))

    @classmethod
    def read(cls, data: Mapping[str, Any], *, where: str) -> Self:
        """Read what a file says. Raises TapeError and KeyError."""
        names = ("source", "format", "digest", "faults", "measures")
        meta = TapeMeta(**{name: data[name] for name in names})
        instrument = Instrument.from_dict(data=data["instrument"], where=where)
        return cls(instrument, meta, data["rows"], data["funding_rows"])

    def as_dict(self) -> dict[str, Any]:
        """Return it as a file holds it."""
        return {
            "digest": self.meta.digest,
            "instrument": self.instrument.as_dict(),
            "source": self.meta.source,
            "format": self.meta.format,
            "faults": dict(self.meta.faults),
            "measures": dict(self.meta.measures),
            "rows": self.rows,
            "funding_rows": self.funding_rows,
        }


@dataclass(frozen=True)
class PartFile:
    """One parquet file of an archive."""

    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class ArchiveSidecar:
    """What an archive's tape.json says: the tape, and its files by name."""

    tape: Sidecar
    files: Mapping[str, PartFile]

    @classmethod
    def read(cls, text: bytes, *, where: str) -> Self:
        """Read tape.json. Raises TapeError for another file, one of another schema, or a damaged one."""
        try:
            data: dict[str, Any] = json.loads(text)
            missing = sorted(ARCHIVE_KEYS - set(data))
        except (ValueError, TypeError) as error:
            raise TapeError(f"{where}: not a tape's sidecar ({error}); import the tape again") from error
        if missing or not re.fullmatch("[0-9a-f]{64}", str(data["digest"])):
            raise TapeError(
                f"{where}: {', '.join(missing) or 'digest'} is missing or wrong; import the tape again"
            )
        written = data["schema_hash"]
        if written != SCHEMA_HASH:
            raise TapeError(
                f"{where}: schema {written} is not this version's {SCHEMA_HASH[:12]}…; import the tape again"
            )
        try:
            files = {name: PartFile(**part) for name, part in data["files"].items()}
            return cls(Sidecar.read(data, where=where), files)
        except (TypeError, AttributeError) as error:
            raise TapeError(f"{where}: not a tape's sidecar ({error}); import the tape again") from error

    def text(self, tape: Tape, *, arguments: Mapping[str, Any]) -> str:
        """Write tape.json of a tape; ``arguments`` says how it was made."""
        data = {
            **self.tape.as_dict(),
            "schema_hash": SCHEMA_HASH,
            "start": iso_utc_ns(tape.start_ns),
            "end": iso_utc_ns(tape.end_ns),
            "arguments": dict(arguments),
            "files": {name: asdict(part) for name, part in self.files.items()},
        }
        return json.dumps(data, indent=1, sort_keys=True) + "\n"
