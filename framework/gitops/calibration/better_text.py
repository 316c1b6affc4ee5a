"""How often BETTER is wrong, as a page of the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.gates.comparison import ALPHA, BEST_BLOCKS, RULES
from framework.gitops.calibration.better import BOUND, CELLS, EFFECTS_BPS, LOOKS, upper_bound

KINDS = ("even", "own")
TARGET, TARGET_BOUND = 0.05, 0.075

HEAD = """# How often BETTER is wrong

How often a soak, a sweep or `propose` says [BETTER](soak.md#two-answers) or WORSE of a change that is
neither, and how often it says BETTER of one that is. Written by

```
{command}
```

from the seeds named below, and the recordings. Rules in force: each side at {alpha:.0%}, of N cells at 1
- .95^(1/N); at least {blocks:g} effective blocks, none above {top:.0%} of the squared differences;
standard deviation at least {floor:g} x that of what runs; what is left without the {best} best blocks is
what must be proven ([ADR 44](adr/0044-a-gain-stands-without-its-best-blocks.md)).

A change without merit is a real one, replayed beside what runs on every tape, whose mean difference over
all its tapes is taken out again: evenly from every block, or in the blocks where it does anything, in
proportion (the two figures of a pair). Windows are whole stretches that do not overlap, so that what
lasts stays; of recordings, which are few, blocks are drawn again. A/A is the same configuration under
other delays. That the turnover must be kept is left out of account: with it the rates are lower.

**{met}** Target: of the windows of each length, over all made markets and seeds, at most {target:.0%}
falsely BETTER, upper {bound:.0%} bound at most {target_bound:.1%}:
"""


def better_page(report: Mapping[str, Any]) -> str:
    """Return the page."""
    met = "It is met." if report["met"] else "It is missed."
    head = HEAD.format(
        command=report["command"],
        alpha=ALPHA,
        blocks=RULES.min_effective_blocks,
        top=RULES.top_block_share,
        floor=RULES.sd_floor,
        best=BEST_BLOCKS,
        met=met,
        target=TARGET,
        bound=BOUND,
        target_bound=TARGET_BOUND,
    )
    sets = [_set(name, classes) for name, classes in report["sets"].items()]
    lengths = "".join(f"- {line}\n" for line in _lengths(report["sets"]))
    return "\n".join([head, lengths, *sets, _reading()])


def better_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the lines for a terminal, the verdict last."""
    lines = []
    for name, classes in report["sets"].items():
        for row in classes:
            lines += [f"{name}, {row['name']}: {' | '.join(_cells(one))}" for one in row["by_hours"]]
    lines += _lengths(report["sets"])
    return [*lines, f"{'PASS' if report['met'] else 'FAIL'}: falsely BETTER at most {TARGET:.0%}"]


@dataclass(frozen=True)
class Pooled:
    """The rates of all independent windows of one length, and their upper bounds."""

    hours: tuple[float, ...]
    windows: float
    rates: Mapping[str, float]
    bounds: Mapping[str, float]


def pooled(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Pooled]:
    """Return the rates by length, shortest first, over all markets and seeds; of recordings none counts."""
    classes = [row for rows in sets.values() for row in rows]
    pools = []
    for k in range(max((len(row["by_hours"]) for row in classes), default=0)):
        looks = [row["by_hours"][k] for row in classes if row["by_hours"][k]["independent"] >= 1.0]
        windows = sum(one["independent"] for one in looks)
        if windows:
            rates = {
                kind: sum(one["better"][kind]["mean"] * one["independent"] for one in looks) / windows
                for kind in KINDS
            }
            bounds = {kind: upper_bound(rate=rates[kind], independent=windows) for kind in KINDS}
            pools.append(Pooled(tuple(sorted({one["hours"] for one in looks})), windows, rates, bounds))
    return pools


def target_met(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Tell whether windows of every length keep the rate and its bound."""
    rates = pooled(sets)
    return bool(rates) and all(
        max(each.rates.values()) <= TARGET and max(each.bounds.values()) <= TARGET_BOUND for each in rates
    )


def _lengths(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    return [
        f"{' or '.join(f'{h:g}' for h in each.hours)} h: falsely BETTER {_both(each.rates)}, at most"
        f" {_both(each.bounds)}, of {each.windows:.0f} windows"
        for each in pooled(sets)
    ]


def _set(name: str, classes: Sequence[Mapping[str, Any]]) -> str:
    head = (
        *("market", "hours", "windows", "falsely BETTER", "worst change", "falsely WORSE", "A/A"),
        *(f"sweep of {n}" for n in CELLS),
        f"{LOOKS} looks",
        *(f"+{effect:g} bps" for effect in EFFECTS_BPS),
    )
    rows = [(row["name"], *_cells(one)) for row in classes for one in row["by_hours"]]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---",) + ("--:",) * (len(head) - 1), *rows)]
    about = "; ".join(
        f"{row['name']}: {row['changes']} changes, {', '.join(row['tapes'])}" for row in classes
    )
    return f"## {name}\n{about}.\n\n" + "\n".join(lines) + "\n"


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    worst = max((one["better"][kind] for kind in KINDS), key=lambda rate: rate["worst"])
    return (
        f"{one['hours']:g}",
        f"{one['windows']}" if one["independent"] >= 1.0 else f"{one['windows']} drawn",
        _both({kind: one["better"][kind]["mean"] for kind in KINDS}),
        f"{worst['worst']:.1%}",
        _both({kind: one["worse"][kind]["mean"] for kind in KINDS}),
        "–" if one["seeds"] is None else f"{one['seeds']['mean']:.1%}",
        *(_both(one["sweeps"][str(n)]) for n in CELLS),
        _both({kind: one["ever"][kind]["mean"] for kind in KINDS}),
        *(_share(one["power"][f"{effect:g}"]) for effect in EFFECTS_BPS),
    )


def _both(rates: Mapping[str, float | None]) -> str:
    return " / ".join("–" if rates[kind] is None else f"{rates[kind]:.1%}" for kind in KINDS)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _reading() -> str:
    return """## Reading it
- *sweep of N*: how often a sweep of N cells without merit proves one. *12 looks*: how often somebody
  finds BETTER who looks twelve times on the way and stops at the first. *+x bps*: which share of changes
  that keep the turnover is proven when the true gain is x of that turnover, in each block in proportion
  to what it trades.
- Eight hours of a thin market are 47 blocks of ten minutes and prove next to nothing, right or wrong:
  *not proven* is the answer there, with the hours that would tell.
- An hour's gain is no day's where hours differ (liquid, high_vol): a change that gains in the calm and loses
  in bursts (`adverse_weight=0`) is better in some hours and worse in others, and sweeps of one hour that hold
  such a cell are falsely BETTER above target. Sweep three hours or more.
- A recording of one day of some hundred fills is the hard case: its windows are drawn from the same few
  blocks, and a change that loses seldom looks good on every draw without that block. Its rates have no
  bound here, and a sweep on one such day that says BETTER is to be believed on another day only: that is
  what the gate's other tapes are for.
"""
