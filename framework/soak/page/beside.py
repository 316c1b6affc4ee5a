"""The part of a page that stands beside an earlier run: an answer, both curves, the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from framework.gates.comparison_text import comparison_words
from framework.soak.page.axes import end_labels, title
from framework.soak.page.layout import Box, reach, stacked
from framework.soak.page.live import Line, LiveChart, LiveGrid, LivePanel
from framework.soak.page.over_time import Span
from framework.soak.page.packed import packed
from framework.soak.page.panel import Panel, Pen, svg
from framework.soak.page.series import Floats, above_zero, thin
from framework.soak.page.standing import AnswerWords, answer_tint
from framework.soak.page.words import NONE, interval, num, typeset

if TYPE_CHECKING:
    from framework.soak.beside import Beside, Figure, Kept


@dataclass(frozen=True, kw_only=True)
class FigureRow:
    """A figure of both runs in words."""

    name: str
    before: str
    now: str
    difference: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class BesideWords:
    """What the page says of an earlier run."""

    name: str
    verdicts: tuple[str, str]
    apart: str
    answers: list[AnswerWords]
    changed: list[tuple[str, str, str]]
    rows: list[FigureRow]
    charts: list[str]
    live: list[LiveChart]


def beside_words(both: Beside) -> BesideWords:
    """Give what the page says of an earlier run."""
    span = None if both.kept is None else Span(both.kept[1].start_ns, both.kept[1].end_ns)
    return BesideWords(
        name=both.name,
        verdicts=both.verdicts,
        apart=", ".join(name.replace("_", " ") for name in both.apart),
        answers=_answers(both),
        changed=[(name, str(one), str(other)) for name, one, other in both.changed],
        rows=[_row(figure) for figure in both.figures],
        charts=[] if span is None or both.kept is None else [
            _chart(span, *both.kept, quote=both.quote, narrow=narrow) for narrow in (False, True)
        ],
        live=[] if span is None or both.kept is None else [_live(span, *both.kept, quote=both.quote)],
    )  # fmt: skip


def _answers(both: Beside) -> list[AnswerWords]:
    if both.comparison is None:
        return []
    text = comparison_words(both.comparison, quote=both.quote).replace("present", "earlier run")
    answer = both.comparison.answer
    question = "Is it better than the earlier run?"
    return [AnswerWords(question=question, word=answer.words, tint=answer_tint(answer), text=typeset(text))]


def _row(figure: Figure) -> FigureRow:
    return FigureRow(
        name=figure.word,
        before=num(figure.before),
        now=num(figure.now),
        difference=num(figure.difference, plus=True),
        interval=NONE if figure.bounds is None else interval(*figure.bounds),
    )


def _lines(one: Kept, kept: Kept) -> list[tuple[str, str, Floats]]:
    return [("earlier", "slippage", one.curve), ("this run", "net", kept.curve)]


def _seconds(span: Span, count: int) -> Floats:
    return np.linspace(0.0, span.seconds[1], count)


def _chart(span: Span, one: Kept, kept: Kept, *, quote: str, narrow: bool) -> str:
    """Draw both results over time above their difference."""
    width, right, height = (380, 108, 340) if narrow else (1040, 132, 360)
    boxes = stacked(width=width, height=height, rows=(1.4, 1.0), right=right)
    columns, seconds = round(boxes[0].width), _seconds(span, len(kept.curve))
    drawn = [(*line[:2], *thin(seconds, line[2], columns=columns)) for line in _lines(one, kept)]
    heights = reach(*(y for *_, y in drawn), margin=0.1, zero=True)
    both = span.panel(boxes[0], y=heights, most=5, plus=True)
    both.zero()
    for _, tint, x, y in drawn:
        both.line(x, y, Pen(tint, 1.7))
    title(both, f"Result over time ({quote})")
    labels = [(float(y[-1]), f"{name} {num(y[-1], plus=True)}", tint) for name, tint, _, y in drawn if len(y)]
    end_labels(both, labels)
    apart = _difference(span, boxes[1], thin(seconds, kept.curve - one.curve, columns=columns), quote)
    span.write_times([both, apart], most=4 if narrow else 10)
    label = "Result of both runs over time, and their difference"
    return svg(both, apart, width=width, height=height, label=label)


def _difference(span: Span, box: Box, line: tuple[Floats, Floats], quote: str) -> Panel:
    x, y = line
    panel = span.panel(box, y=reach(y, margin=0.1, zero=True), most=4, plus=True)
    for at, gain, name in ((*above_zero(x, y), "good"), (*above_zero(x, -y), "bad")):
        if gain.any():
            panel.area(at, 0.0, gain if name == "good" else -gain, Pen(name, opacity=0.3))
    panel.zero()
    panel.line(x, y, Pen("ink", 1.2))
    title(panel, f"Difference, this run less the earlier ({quote})")
    if len(y):
        end_labels(panel, [(float(y[-1]), num(y[-1], plus=True), "ink")])
    return panel


def _live(span: Span, one: Kept, kept: Kept, *, quote: str) -> LiveChart:
    lines = [
        Line(name=name, colour=tint, values=packed(values), width=1.7, plus=True)
        for name, tint, values in _lines(one, kept)
    ]
    values = packed(kept.curve - one.curve)
    apart = Line(name="difference", colour="ink", values=values, width=1.2, plus=True, fill="sign")
    panels = [
        LivePanel(title=f"Result over time ({quote})", height=190, lines=lines, plus=True, within=(0.0,)),
        LivePanel(
            title=f"Difference, this run less the earlier ({quote})", height=120, lines=[apart], plus=True,
            within=(0.0,),
        ),
    ]  # fmt: skip
    return LiveGrid(span, len(kept.curve) // 2).chart("beside", panels)
