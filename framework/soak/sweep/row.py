"""A row of a sweep: a cell with what it came to, and where that stands among all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar, get_type_hints

from framework.edge.canonical import canonical
from framework.edge.section import Section

T = TypeVar("T", bound="Measured")
Stretch = tuple[str, int, int]
"""The digest of a tape, and the first and last instant of it that a cell saw."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the table shows of a cell that was played; None is what could not be known."""

    verdict: str
    net_bps: float | None
    net_bps_lower: float | None
    net_bps_upper: float | None
    markout_net_30s_bps: float | None
    markout_net_30s_se_bps: float | None
    markout_blocks: float | None
    fills: int
    turnover_quote: float
    quote: str = ""
    tick_bps: float | None = None
    """A tick of its market, in bps of the mid at its end."""


def folder_of(number: int) -> str:
    """Name the folder of a cell; a present that is no cell has a negative number."""
    return str(number) if number >= 0 else f"present{number + 1 or ''}"


def measured_of(*, verdict: str, totals: Section, quote: str, tick_bps: float | None) -> Measured:
    """Read what the table shows of a cell from the totals of its edge report."""
    markout, interval = totals.markout_30s, totals.intervals["net_bps"]
    return Measured(
        verdict=verdict,
        net_bps=totals.net_bps,
        net_bps_lower=interval.lower,
        net_bps_upper=interval.upper,
        markout_net_30s_bps=markout.net_bps,
        markout_net_30s_se_bps=markout.net_se_bps,
        markout_blocks=markout.net_n_eff,
        fills=totals.fills,
        turnover_quote=totals.turnover_quote,
        quote=quote,
        tick_bps=canonical(tick_bps),
    )


@dataclass(frozen=True, kw_only=True)
class Standing(Measured):
    """A played cell beside what runs and among the others; ``answer`` None: not compared.

    ``gain`` is against the present configuration on the same tape, its bounds at the level of all trials;
    ``bar_per_day`` is what cells are ranked by. ``lower_bps`` bounds the markout itself, alone and deflated.
    """

    answer: str | None = None
    is_present: bool = False
    gain_bps: float | None = None
    gain_bps_lower: float | None = None
    gain_bps_upper: float | None = None
    gain_per_day: float | None = None
    gain_per_day_lower: float | None = None
    gain_per_day_upper: float | None = None
    bar_per_day: float | None = None
    turnover_vs_present: float | None = None
    present_fills: int | None = None
    hours_needed: float | None = None
    lower_bps: float | None
    deflated_lower_bps: float | None
    proven: bool
    turnover_vs_first: float | None
    same_as: int | None


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """A cell with what was measured of it, or the ``error`` for which it could not be played."""

    cell: int
    label: str
    values: Mapping[str, Any]
    error: str | None = None
    measured: Measured | None = None
    tape: Stretch | None = None

    @property
    def folder(self) -> str:
        """Give the name of its folder in that of the sweep."""
        return folder_of(self.cell)

    @property
    def verdict(self) -> str:
        """Give its verdict; ERROR when it could not be played."""
        return "ERROR" if self.measured is None else self.measured.verdict

    @property
    def markout_bps(self) -> float | None:
        """Give its markout net of fees after 30 s."""
        return None if self.measured is None else self.measured.markout_net_30s_bps

    def as_dict(self) -> dict[str, Any]:
        """Give it as files hold it: a cell has either what was measured or ``error``."""
        plain = {"cell": self.cell, "label": self.label, "values": dict(self.values), "folder": self.folder}
        if self.tape is not None:
            plain["tape"] = list(self.tape)
        return {**plain, **({"error": self.error} if self.measured is None else asdict(self.measured))}


@dataclass(frozen=True, kw_only=True)
class RankedRow(SweepRow):
    """A row in its place."""

    rank: int
    measured: Standing | None = None

    @property
    def proven(self) -> bool:
        """Tell whether it is proven better than what runs."""
        return self.measured is not None and self.measured.proven

    def as_dict(self) -> dict[str, Any]:
        """Give it as SWEEP.json holds it."""
        return {"rank": self.rank, **super().as_dict()}


def played_row(data: Mapping[str, Any]) -> SweepRow:
    """Read back the row of a played cell; raises KeyError, TypeError or ValueError for anything else."""
    digest, start_ns, end_ns = data["tape"]
    return SweepRow(
        cell=data["cell"],
        label=data["label"],
        values=data["values"],
        measured=read_back(Measured, data),
        tape=(digest, start_ns, end_ns),
    )


def ranked_row(data: Mapping[str, Any]) -> RankedRow:
    """Read back a row of SWEEP.json; raises KeyError, TypeError or ValueError for anything else."""
    return RankedRow(
        rank=data["rank"],
        cell=data["cell"],
        label=data["label"],
        values={str(key): value for key, value in data["values"].items()},
        error=data.get("error"),
        measured=None if "error" in data else read_back(Standing, data),
    )


def read_back(kind: type[T], data: Mapping[str, Any]) -> T:
    """Make a record of plain data that names every field; raises KeyError or TypeError for anything else."""
    allowed = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = values[field.name] = data[field.name]
        wanted = allowed[field.name]
        whole = isinstance(value, int) and not isinstance(value, bool) and wanted in (float, float | None)
        if not (whole or isinstance(value, wanted)):
            raise TypeError(f"{field.name} is {value!r}")
    return kind(**values)
