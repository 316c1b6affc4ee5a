"""A calibration as a page of the documentation: rates, power, and the command that makes it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

RATES = (
    ("seeds", "another seed of the delays, nothing else (A/A)"),
    ("zero", "differences shifted to a mean of 0, called better"),
    ("margin", "differences shifted to exactly minus the margin, called not worse"),
    ("in its own blocks", "harder: the margin lost only in the blocks that differ, in proportion"),
    ("zero, one look", "the same as the second, looked at once, at the end"),
    ("t-test, one look", "for contrast: a t-test at 1 %, looked at once"),
    ("t-test, every look", "for contrast: a t-test at 1 %, looked at after every block from the twentieth"),
)

HEAD = """# How often the paired gate is wrong

What [the gate](gates.md) promotes although it should not, and how much tape it needs for what it should,
measured on real differences between configurations. This page is written by

```
{command}
```

(recordings are imported with `quoteops tape import`; below they are named by symbol and first day). It draws
from fixed seeds: the same tapes give the same page.

Rules in force: alpha {alpha:g}; at least {min_effective_blocks:g} effective blocks; no block above
{top_block_share:.0%} of the squared differences; standard deviation at least {sd_floor:g} x the baseline's.
Each rate is over {draws:,} drawn tapes a change, looked at after **every** block: a promotion anywhere
counts. Only net is judged here; the gate also asks for every risk metric, so what it promotes falsely as a
whole is rarer.

Target: at most {target:.0%} on average, in the first three rows of every class. **{met}**
"""


def calibration_page(report: Mapping[str, Any]) -> str:
    """Return the page."""
    rules, design = report["rules"], report["design"]
    met = "It is met." if report["met"] else "It is missed."
    parts = [HEAD.format(command=report["command"], met=met, target=report["target"], **rules, **design)]
    parts += [_class(row) for row in report["classes"]]
    parts.append(_reading())
    return "\n".join(parts)


def calibration_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the lines for a terminal, the verdict last."""
    lines = []
    for row in report["classes"]:
        lines.append(f"{row['name']}: {', '.join(row['tapes'])}; {len(row['changes'])} changes")
        for kind, says in RATES:
            rate = row["rates"][kind]
            lines.append(f"  {_percent(rate['mean']):>7} mean  {_percent(rate['worst']):>7} worst  {says}")
    met = "PASS" if report["met"] else "FAIL"
    return [*lines, f"{met}: false promotions at most {report['target']:.0%} on average in every class"]


def _class(row: Mapping[str, Any]) -> str:
    lines = [
        f"## {row['name'].capitalize()}",
        f"{', '.join(row['tapes'])}: {row['hours']:.1f} h in blocks of {row['block_s']} s, markout at"
        f" {row['horizon']}; quoted edge {row['quoted_bps']:.2f} bps, margin {row['margin_bps']:.2f} bps.",
        f"{len(row['changes'])} changes of parameters, drawn again in runs of {row['run_blocks']} block(s)"
        f" into tapes of {row['drawn_hours']:g} h.",
        "",
    ]
    if row["no_effect"]:
        lines += [f"Without any effect here: {', '.join(f'`{name}`' for name in row['no_effect'])}.", ""]
    table = [
        (says, _percent(rate["mean"]), _percent(rate["worst"]), f"`{rate['worst_name']}`")
        for kind, says in RATES
        for rate in (row["rates"][kind],)
    ]
    lines += _table(("falsely promoted", "mean", "worst", "by"), table)
    hours = [f"{h:g} h" for h in row["hours_asked"]]
    lines += [
        "",
        "Promoted within so much tape, when it truly gains as much (or is equal, at a margin as large):",
        "",
    ]
    power = [(label, *(f"{share:.2f}" for share in shares)) for label, shares in row["power"].items()]
    return "\n".join([*lines, *_table(("true gain", *hours), power), ""])


def _reading() -> str:
    return """## Reading it
- The worst case of a class is a change whose rare large losses had not shown when the gate looked. Thin
  markets are the hard ones: a day of one small pair holds some hundred fills, and one block can hold half of
  the squared differences.
- A plain t-test that one looks at as tape arrives is wrong many times as often as it says.
- Power is that of a change that differs in many blocks. One that changes a few fills needs more tape than
  any table says: the gate counts blocks that differ, and names the hours that are missing.
- Recordings of minutes are drawn again into hours, which knows nothing of what those hours would have
  brought. More tape makes this page better: run the command with recordings of your own.
"""


def _percent(rate: float | None) -> str:
    return "unknown" if rate is None else f"{100.0 * rate:.2f} %"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", "|---|" + "--:|" * (len(columns) - 1)]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows)]
