"""The verdict in words and the key figures of each profile against their limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.gates.comparison import Answer
from framework.gates.comparison_text import comparison_words
from framework.gates.gate import Gate
from framework.gates.kpi import ProfileVerdict, RowVerdict
from framework.gates.metrics import METRICS
from framework.soak.page.palette import VERDICT_COLOURS
from framework.soak.page.words import hours, interval, num, typeset

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

ANSWERS = {
    Answer.BETTER: "PASS",
    Answer.WORSE: "FAIL",
    Answer.TOO_QUIET: "FAIL",
    Answer.INCONCLUSIVE: "INCONCLUSIVE",
    Answer.NO_EFFECT: "INCONCLUSIVE",
    Answer.ERROR: "ERROR",
}
"""The verdict whose colour an answer has."""

QUESTION = "Is it better than what runs?"


@dataclass(frozen=True, kw_only=True)
class AnswerWords:
    """One of the two answers: its question, the answer in a word and in a sentence, and what is beside it."""

    question: str
    word: str
    tint: str
    text: str
    beside: str = ""


@dataclass(frozen=True)
class Zone:
    """A stretch of a gauge and what a value in it means."""

    start: float
    width: float
    tint: str


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """Value, interval, limits and zones on a line from 0 to 100; ``width`` None without an interval."""

    value: float
    start: float
    width: float | None
    limits: list[float]
    zones: list[Zone]


@dataclass(frozen=True, kw_only=True)
class KpiRow:
    """One KPI: what was measured, against which limits, and what that means."""

    label: str
    unit: str
    value: str
    interval: str
    limits: list[str]
    verdict: str
    tint: str
    note: str
    hours: str | None
    gauge: Gauge | None


@dataclass(frozen=True, kw_only=True)
class ProfileTable:
    """A KPI profile with its verdict and its rows."""

    name: str
    decides: bool
    verdict: str
    tint: str
    how: str
    hours: str | None
    rows: list[KpiRow]


def tint(verdict: str) -> str:
    """Give the colour name of a verdict."""
    return VERDICT_COLOURS.get(verdict, "muted")


def answer_tint(answer: Answer) -> str:
    """Give the colour name of an answer to whether it is better."""
    return tint(ANSWERS[answer])


def answers(result: SoakResult) -> list[AnswerWords]:
    """Give both answers: whether it is better than what runs, then whether it meets the KPI."""
    gate = result.judged
    kpi = AnswerWords(
        question=f"Does it meet the KPI ({gate.decides})?",
        word=gate.verdict.value,
        tint=tint(gate.verdict.value),
        text=typeset(gate.sentence),
    )
    return [*_better(result), kpi]


def _better(result: SoakResult) -> list[AnswerWords]:
    if not result.present:
        return []
    word, shade, text = "NOT COMPARED", "muted", f"the present configuration {result.present}"
    beside = ""
    if result.is_present:
        word, text = "NOTHING TRIED", f"this is what runs: {result.present}"
    elif (comparison := result.comparison) is not None:
        word, shade = comparison.answer.words, answer_tint(comparison.answer)
        text, beside = (
            comparison_words(comparison, quote=result.reported.quote),
            f"What runs: {result.present}.",
        )
    return [AnswerWords(question=QUESTION, word=word, tint=shade, text=typeset(text), beside=beside)]


def profiles(gate: Gate) -> list[ProfileTable]:
    """Give each profile with its rows, the deciding one first."""
    names = sorted(gate.profiles, key=lambda name: (name != gate.decides, name))
    return [_profile(name, gate.profiles[name], decides=name == gate.decides) for name in names]


def _profile(name: str, judged: ProfileVerdict, *, decides: bool) -> ProfileTable:
    how = (
        "judged on 90 % intervals" if judged.profile.judge == "interval" else "judged on the measured values"
    )
    return ProfileTable(
        name=name,
        decides=decides,
        verdict=judged.verdict.value,
        tint=tint(judged.verdict.value),
        how=f"{how}, from {judged.profile.min_fills} fills",
        hours=None if judged.hours_needed is None else hours(judged.hours_needed),
        rows=[_kpi_row(row) for row in judged.rows],
    )


def _kpi_row(row: RowVerdict) -> KpiRow:
    metric, m = METRICS[row.metric], row.measured
    sign = "≥" if metric.higher_is_better else "≤"
    limits = (("limit", row.hard), ("target", row.soft), ("ideal", row.ideal))
    return KpiRow(
        label=metric.label,
        unit=metric.unit,
        value=num(m.value),
        interval=interval(m.lower, m.upper),
        limits=[f"{kind} {sign} {num(x)}" for kind, x in limits if x is not None],
        verdict=row.word,
        tint=tint(row.word),
        note=row.note,
        hours=None if row.hours_needed is None else f"{hours(row.hours_needed)} of tape would tell",
        gauge=gauge(row),
    )


def gauge(row: RowVerdict) -> Gauge | None:
    """Place value, interval and limits of a KPI on a line from 0 to 100; None when nothing was measured."""
    value, lower, upper = row.measured.value, row.measured.lower, row.measured.upper
    limits = [x for x in (row.hard, row.soft) if x is not None]
    if value is None or not limits:
        return None
    given = [value, *limits]
    room = (max(given) - min(given)) * 0.5 or abs(value) * 0.5 or 1.0
    low, high = min(given) - room, max(given) + room

    def place(x: float | None, otherwise: float) -> float:
        return otherwise if x is None else round(min(max((x - low) / (high - low), 0.0), 1.0) * 100.0, 1)

    start, end = place(lower, 0.0), place(upper, 100.0)
    bounded = lower is not None or upper is not None
    return Gauge(
        zones=_zones(row, place),
        value=place(value, 0.0),
        start=start,
        width=round(max(end - start, 0.0), 1) if bounded else None,
        limits=[place(x, 0.0) for x in limits],
    )


def _zones(row: RowVerdict, place: Callable[[float | None, float], float]) -> list[Zone]:
    """Give where a value would miss the limit, meet it alone, and meet the target too."""
    higher = METRICS[row.metric].higher_is_better
    edges = [(x, tone) for x, tone in ((row.hard, "bad"), (row.soft, "warn")) if x is not None]
    ends = [place(x, 0.0) for x, _ in edges]
    tones = [*(tone for _, tone in edges), "good"]
    bounds = [0.0, *ends, 100.0] if higher else [100.0, *ends, 0.0]
    return [
        Zone(round(min(a, b), 1), round(abs(b - a), 1), tone)
        for a, b, tone in zip(bounds, bounds[1:], tones, strict=False)
    ]
