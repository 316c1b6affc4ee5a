"""KPI_GATE.json as a value: the deciding verdict, every profile beside it, and what to do next."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from framework.gates.kpi import ProfileVerdict
from framework.gates.verdict import Verdict


@dataclass(frozen=True)
class Decision:
    """The row of the decision matrix a net falls into; ``holds``: the verdict backs acting on it."""

    metric: str
    value: float | None
    band: str
    action: str
    holds: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the decision as plain data for a report."""
        return asdict(self)


@dataclass(frozen=True)
class Halt:
    """One kind of halt in a window: how often, and when first (UTC ns, and seconds into the window)."""

    reason: str
    count: int
    first_ns: int
    after_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return the halt as plain data for a report."""
        return asdict(self)


@dataclass(frozen=True)
class Gate:
    """Every profile's verdict on a run; the one that ``decides`` gives verdict, reasons and exit code.

    ``halts`` None: they were not looked for, which the report of a file alone cannot tell.
    """

    decides: str
    profiles: Mapping[str, ProfileVerdict]
    sentence: str
    decision: Decision
    runtime: Mapping[str, Any]
    halts: tuple[Halt, ...] | None = None

    @property
    def decided(self) -> ProfileVerdict:
        """Return the deciding profile's verdict with its rows."""
        return self.profiles[self.decides]

    @property
    def verdict(self) -> Verdict:
        """Return the verdict of the run."""
        return self.decided.verdict

    @property
    def marker(self) -> str:
        """Return the line for stdout, e.g. ``| kpi_gate | WARN | REASONS=EDGE:adverse,EDGE:slippage |``."""
        return f"| kpi_gate | {self.verdict.value} | {self.decided.reasons_words} |"

    def as_dict(self) -> dict[str, Any]:
        """Return the plain data of KPI_GATE.json."""
        decided = self.decided
        listed = {} if self.halts is None else {"halts": [halt.as_dict() for halt in self.halts]}
        return {
            "verdict": decided.verdict.value,
            "exit_code": decided.verdict.exit_code,
            "decides": self.decides,
            "reasons": list(decided.reasons),
            "sentence": self.sentence,
            "decision": self.decision.as_dict(),
            "hours_needed": decided.hours_needed,
            "metrics": {row.metric: row.measured.value for row in decided.rows},
            "thresholds": {kind: dict(getattr(decided.profile, kind)) for kind in ("hard", "soft", "ideal")},
            "profiles": {name: judged.as_dict() for name, judged in self.profiles.items()},
            "runtime": dict(self.runtime),
            **listed,
        }
