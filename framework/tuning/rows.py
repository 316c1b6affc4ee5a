"""Why a parameter moved or stayed: machine-readable rows and the lines a run prints."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from framework.tuning.evidence import Evidence
from framework.tuning.params import Field, format_value
from framework.tuning.rules import PACKAGES, Kind


class Reason(StrEnum):
    """What became of a proposed move, and why."""

    APPLIED = "applied"
    CLAMPED = "clamped"
    NO_EVIDENCE = "no_evidence"
    TOO_FEW_FILLS = "too_few_fills"
    VERDICT_ERROR = "verdict_error"
    LAST_ITERATION = "last_iteration"
    WARM_UP = "warm_up"
    PATCHED = "patched"
    FREEZE = "freeze"
    OSCILLATION = "oscillation"
    VELOCITY = "velocity"
    COOLDOWN = "cooldown"
    MULTI_FAIL = "multi_fail"
    FALLBACK_GAP = "fallback_gap"
    MAX_CHANGES = "max_changes_per_field"
    MAX_KEYS = "max_keys"
    OPPOSED = "opposed"
    AT_LIMIT = "at_limit"
    FAILS_PRESENT = "fails_present"
    NOT_IN_FORCE = "not_in_force"
    CHANGED_OUTSIDE = "changed_outside"

    @property
    def moved(self) -> bool:
        """Return whether the parameter moved."""
        return self in (Reason.APPLIED, Reason.CLAMPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One proposed move of one parameter (``field`` None: about the whole step)."""

    iteration: int
    kind: str
    rule: str
    marker: str
    field: Field | None = None
    before: float | None = None
    proposed: float | None = None
    after: float | None = None
    reason: Reason
    detail: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def applied(self) -> bool:
        """Return whether the move is part of the new package."""
        return self.reason.moved

    def as_dict(self) -> dict[str, object]:
        """Return the row as plain names and values, keys ``from`` and ``to`` as the reports write them."""
        return {
            "iteration": self.iteration,
            "kind": self.kind,
            "rule": self.rule,
            "field": None if self.field is None else self.field.value,
            "from": self.before,
            "proposed": self.proposed,
            "to": self.after,
            "applied": self.applied,
            "reason": self.reason.value,
            "detail": self.detail,
            "evidence": [{**asdict(item), "standing": item.standing.name.lower()} for item in self.evidence],
        }


def markers_of(rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Return the lines a run prints for a decision, in the order of its rows.

    A move that asked for the value already in force is a row but no line. Rules named after a driver or
    trigger write ``field=``. Source: spec soak_audit.md, Iteration Markers.
    """
    lines: list[str] = []
    announced: set[str] = set()
    for row in rows:
        if row.applied and row.kind in PACKAGES and row.marker not in announced:
            announced.add(row.marker)
            lines.append(f"| autotune | {row.marker} | triggered=1 |")
        if row.field is None or row.proposed != row.before:
            lines.append(_line(row))
    return tuple(lines)


def _line(row: Row) -> str:
    if row.field is None or row.before is None:
        return f"| autotune | BLOCKED:{row.reason.value} | {row.marker} {row.detail} |".replace("  ", " ")
    before = format_value(row.field, row.before)
    if not row.applied:
        wanted = "none" if row.proposed is None else format_value(row.field, row.proposed)
        source = f"field={row.field.value} from={before} proposed={wanted} by={row.marker}"
        return f"| autotune | BLOCKED:{row.reason.value} | {source} |"
    after = format_value(row.field, row.after if row.after is not None else row.before)
    name = f"field={row.field.value}" if ":" in row.marker else row.field.value
    return f"| autotune | {row.marker} | {name} from={before} to={after} |"


def return_marker(field: Field) -> str:
    """Return the marker under which a parameter's way back is printed."""
    return f"{Kind.RETURN.value.upper()}:{field.value}"
