"""Signed entries of a journal that many may write: who decided, and that nobody says it a second time.

The signature is SSH's, over the canonical JSON of the entry's data without the signature itself, in the
namespace ``quoteops-journal``. What is signed names the entry's kind, its moment and the entry before it: an
old entry appended anew, or under another kind, is signed by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json
from framework.files.moments import iso_utc
from framework.gitops.errors import SignatureError
from framework.gitops.repo.signatures import Signer, sign_text, verify_text
from framework.journal.entry import Entry, Head, Kind
from framework.journal.journal import Sign, utc_now

NAMESPACE = "quoteops-journal"
SIGNED_KINDS = (Kind.PROMOTED, Kind.VERDICT)
SIGNATURE, PLACE = "signature", "place"


def signed_by(key: Path, *, now: Callable[[], datetime] = utc_now) -> Sign:
    """Return what signs the entries of a journal that decide. It raises SignatureError."""

    def sign(kind: Kind, data: Mapping[str, Any], after: Head) -> Mapping[str, Any]:
        return sign_entry(kind, data, after=after.sha256, at=now(), key=key) if kind in SIGNED_KINDS else data

    return sign


def sign_entry(kind: Kind, data: Mapping[str, Any], *, after: str, at: datetime, key: Path) -> dict[str, Any]:
    """Return the data of an entry with its signature; ``after`` is the hash of the entry before it.

    Raises SignatureError when the key cannot sign.
    """
    place = {"kind": str(kind), "after": after, "at": iso_utc(at, timespec="microseconds")}
    plain = {**unsigned(data), PLACE: place}
    return {**plain, SIGNATURE: sign_text(canonical_json(plain), key=key, namespace=NAMESPACE)}


def unsigned(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry says, without who signed it."""
    return {name: value for name, value in data.items() if name not in (SIGNATURE, PLACE)}


def verify_entry(entry: Entry, *, allowed_signers: str, revoked: str) -> Signer:
    """Return who signed an entry. Raises SignatureError when nobody has whose signature counts."""
    signature, place = entry.data.get(SIGNATURE), entry.data.get(PLACE)
    if not isinstance(signature, str):
        raise SignatureError(f"entry {entry.seq}: is not signed; allowed a signer of the policy")
    if not isinstance(place, dict) or (place.get("kind"), place.get("after")) != (entry.kind, entry.prev):
        raise SignatureError(
            f"entry {entry.seq}: what is signed is another entry's; it was copied from elsewhere"
        )
    plain = {name: value for name, value in entry.data.items() if name != SIGNATURE}
    try:
        return verify_text(
            canonical_json(plain),
            signature,
            namespace=NAMESPACE,
            allowed_signers=allowed_signers,
            revoked=revoked,
        )
    except SignatureError as error:
        raise SignatureError(f"entry {entry.seq}: {error}") from error


def decided_at(entry: Entry) -> str:
    """Return when an entry was signed, or written where nobody did."""
    place = entry.data.get(PLACE)
    return str(place.get("at")) if isinstance(place, dict) else entry.at


@dataclass(frozen=True)
class Signatures:
    """Who signed the decisions of a journal, how many nobody did, and which signatures are wrong."""

    by: Mapping[str, int]
    unsigned: int
    faults: tuple[str, ...]


def check_signatures(entries: Iterable[Entry], *, allowed_signers: str, revoked: str) -> Signatures:
    """Verify every signature among entries; one that is not there is counted, not a fault."""
    by: dict[str, int] = {}
    unsigned, faults = 0, []
    for entry in entries:
        if entry.kind not in SIGNED_KINDS:
            continue
        if SIGNATURE not in entry.data:
            unsigned += 1
            continue
        try:
            who = verify_entry(entry, allowed_signers=allowed_signers, revoked=revoked).principal
            by[who] = by.get(who, 0) + 1
        except SignatureError as error:
            faults.append(str(error))
    return Signatures(by, unsigned, tuple(faults))
