"""Patches of the run-time parameters: files in runtime_overrides/, one an environment."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.settings.errors import ConfigError
from framework.settings.files import read_text
from framework.settings.names import did_you_mean, shown
from framework.settings.plain import Document, parse_json, parse_yaml
from framework.settings.provenance import Layer, Source
from framework.settings.schema.profile import RuntimeParams

KEYS = ("reason", "owner", "expires", "overrides")


@dataclass(frozen=True)
class Patch:
    """Values that replace those of the profile, why, by whose word, and until when."""

    values: dict[str, int | float]
    reason: str
    owner: str
    expires: datetime | None
    document: Document

    def source(self, name: str) -> Source:
        """Say where a value of the patch is written."""
        path = ("overrides", name) if "overrides" in self.document.data else (name,)
        return Source(Layer.OVERRIDES, self.document.at(path), name)


def read_patch(path: Path, *, root: Path) -> Patch:
    """Read and check a patch file. Raises ``ConfigError`` or ``FileError``, never returns part of it."""
    return parse_patch(read_text(path), where=shown(path, root), json=path.suffix == ".json")


def parse_patch(text: str, *, where: str, json: bool = False) -> Patch:
    """Check the text of a patch.

    A patch is a mapping of reason, owner, optional expires (UTC) and overrides; a JSON file may also be the
    bare mapping of names to values that a soak writes. Unknown names and values out of bounds are refused,
    never clamped.
    """
    document = parse_json(text, where=where) if json else parse_yaml(text, where=where)
    if json and not set(document.data) & set(KEYS):
        return Patch(_checked(document, document.data, ()), "", "", None, document)
    for key in document.data:
        if key not in KEYS:
            hint = did_you_mean(key, KEYS)
            raise ConfigError(f"{document.at((key,))}: {key} is unknown; allowed {', '.join(KEYS)}{hint}")
    overrides = document.data.get("overrides")
    if not isinstance(overrides, dict) or not overrides:
        raise ConfigError(
            f"{document.at(('overrides',))}: overrides is missing or empty; allowed names with values"
        )
    return Patch(
        values=_checked(document, overrides, ("overrides",)),
        reason=_sentence(document, "reason"),
        owner=_sentence(document, "owner"),
        expires=_moment(document),
        document=document,
    )


def _checked(
    document: Document, overrides: dict[str, Any], prefix: tuple[str, ...]
) -> dict[str, int | float]:
    from framework.settings.validate import validated

    known = list(RuntimeParams.model_fields)
    for name in overrides:
        if name not in known:
            hint = did_you_mean(name, known)
            raise ConfigError(
                f"{document.at((*prefix, name))}: {name} is unknown; allowed {', '.join(known)}{hint}"
            )
    # The fields that are absent borrow a legal value, so that one model checks any subset of them.
    whole = {**_LEGAL, **overrides}
    model = validated(
        RuntimeParams,
        whole,
        locate=lambda path: Source(Layer.OVERRIDES, document.at((*prefix, *path)), ".".join(path)),
    )
    return {name: getattr(model, name) for name in overrides}


_LEGAL: dict[str, int | float] = {
    "min_interval_ms": 60,
    "replace_rate_per_min": 300,
    "base_spread_bps_delta": 0.05,
    "tail_age_ms": 600,
    "impact_cap_ratio": 0.10,
    "max_delta_ratio": 0.15,
}


def _sentence(document: Document, key: str) -> str:
    value = document.data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(
            f"{document.at((key,))}: {key} is missing or empty; allowed a sentence that says it"
        )
    return value


def _moment(document: Document) -> datetime | None:
    value = document.data.get("expires")
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
    except (TypeError, ValueError):
        allowed = "allowed a moment like 2025-10-13T00:00:00Z"
        raise ConfigError(f"{document.at(('expires',))}: expires is {value}; {allowed}") from None
    return moment.astimezone(UTC)
