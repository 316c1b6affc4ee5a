"""A calibration as a page of the documentation: rates, power, and the command that makes it again."""

from __future__ import annotations

from collections.abc import Sequence

from framework.gates.paired_metrics import METRICS
from framework.gitops.calibration.report import ByHours, CalibrationReport, ClassReport, Rate

RATES = (
    ("seeds", "another seed of the delays, nothing else (A/A)"),
    ("zero", "differences shifted to a mean of 0, called better"),
    ("margin", "differences shifted to exactly minus the margin, called not worse"),
    ("in its own blocks", "harder: the margin lost only in the blocks that differ, in proportion"),
    ("zero, one look", "the same as the second, looked at once, at the end"),
    ("t-test, one look", "for contrast: a t-test at 1 %, looked at once"),
    ("t-test, every look", "for contrast: a t-test at 1 %, looked at after every block from the twentieth"),
)

WHOLE = (
    ("seeds", "another seed of the delays, nothing else (A/A), called better"),
    ("zero", "net shifted to a mean of 0, the rest as measured, called better"),
    ("margin", "net shifted to minus the margin, the rest as measured, called not worse"),
    ("everything", "every metric exactly at its margin, called not worse"),
    ("beyond", "as measured, one metric or more beyond its margin, called not worse"),
)
WHOLE_BY_HOURS = (
    ("seeds_by_hours", "another seed of the delays (A/A)"),
    ("within_by_hours", "changes that keep every margin"),
)

MUCH = 0.02
"""A guard that errs oftener is named."""

HEAD = """# How often the paired gate is wrong

What [the gate](gates.md) promotes although it should not, and how much tape it needs for what it should,
measured on real differences between configurations. This page is written by

```
{command}
```

(recordings are imported with `quoteops tape import`; below they are named by symbol and first day). It draws
from fixed seeds: the same tapes give the same page.

Rules in force: alpha {alpha:g}; at least {min_effective_blocks:g} effective blocks, {floored:g} times
as many for the metrics that guard net; no block above {top_block_share:.0%} of the squared differences;
standard deviation at least {sd_floor:g} x the baseline's, and inflated for the autocorrelation of {lags}
blocks. Rates of net are over {draws:,} drawn tapes a change, those of guards and of the whole gate over
{guard_draws:,}, looked at after **every** block: a promotion anywhere counts.

Target: at most {target:.0%} on average, of net in the first three rows of every class. **{met}**
"""


def calibration_page(report: CalibrationReport) -> str:
    """Return the page."""
    rules, design = report.stated().values()
    met = "It is met." if report.met else "It is missed."
    parts = [HEAD.format(command=report.command, met=met, target=report.target, **rules, **design)]
    parts += [_class(row) for row in report.classes]
    parts.append(_reading())
    return "\n".join(parts)


def calibration_lines(report: CalibrationReport) -> list[str]:
    """Return the lines for a terminal, the verdict last."""
    lines = []
    for row in report.classes:
        lines.append(f"{row.net.name}: {', '.join(row.net.tapes)}; {len(row.net.changes)} changes")
        for kind, says in RATES:
            rate = row.net.rates[kind]
            lines.append(f"  {_percent(rate.mean):>7} mean  {_percent(rate.worst):>7} worst  {says}")
        for guard in row.all.guards.values():
            lines.append(f"  {_both(guard.at_margin):>15} mean / worst  {guard.label} at its margin")
        for kind, says in WHOLE:
            rate = getattr(row.all.whole, kind)
            lines.append(f"  {_both(rate):>15} mean / worst  whole gate: {says}")
    met = "PASS" if report.met else "FAIL"
    return [
        *lines,
        f"{met}: false promotions of net at most {report.target:.0%} on average in every class",
    ]


def _class(row: ClassReport) -> str:
    lines = [
        f"## {row.net.name.capitalize()}",
        f"{', '.join(row.net.tapes)}: {row.net.hours:.1f} h in blocks of {row.net.block_s} s, markout at"
        f" {row.net.horizon}; quoted edge {row.net.quoted_bps:.2f} bps, margin {row.net.margin_bps:.2f} bps.",
        f"{len(row.net.changes)} changes of parameters, drawn again in runs of {row.net.run_blocks} block(s)"
        f" into tapes of {row.net.drawn_hours:g} h.",
        "",
    ]
    if row.net.no_effect:
        lines += [f"Without any effect here: {', '.join(f'`{name}`' for name in row.net.no_effect)}.", ""]
    table = [
        (says, _percent(rate.mean), _percent(rate.worst), f"`{rate.worst_name}`")
        for kind, says in RATES
        for rate in (row.net.rates[kind],)
    ]
    lines += _table(("falsely promoted", "mean", "worst", "by"), table)
    hours = [f"{h:g} h" for h in row.net.hours_asked]
    lines += [
        "",
        "Promoted within so much tape, when it truly gains as much (or is equal, at a margin as large):",
        "",
    ]
    power = [(label, *(f"{share:.2f}" for share in shares)) for label, shares in row.net.power.items()]
    lines += _table(("true gain", *hours), power)
    return "\n".join([*lines, "", *_guards(row), "", *_whole(row), ""])


def _guards(row: ClassReport) -> list[str]:
    """Write the guards: what passes falsely at the margin, and rightly well within it."""
    guards = [(metric, row.all.guards[metric]) for metric in METRICS if metric in row.all.guards]
    hours = row.all.guard_hours
    shown = [hours.index(h) for h in hours if h in (9.0, 34.0, 100.0)]
    table = [
        (
            f"{guard.label}, {_margin(metric, guard.margin)}",
            _both(guard.at_margin),
            f"`{guard.at_margin.worst_name}`" if guard.at_margin.count else "-",
            _both(guard.own_blocks),
            _both(guard.beyond),
            str(guard.within.count),
            *(_share(guard.within, k) for k in shown),
        )
        for metric, guard in guards
    ]
    named = [f"within, {hours[k]:g} h" for k in shown]
    columns = ("guard, margin", "at the margin, mean / worst", "by", "harder: in its own blocks",
               "as measured, beyond", "changes within", *named)  # fmt: skip
    says = (
        "Guards: called not worse although worse by the margin or more; promoted where the change keeps it."
    )
    over = [
        f"{guard.label} ({_percent(guard.at_margin.mean)})"
        for _, guard in guards
        if (guard.at_margin.mean or 0.0) > MUCH
    ]
    stays = ["", f"At the margin above {MUCH:.0%} on average stays {', '.join(over)}."] if over else []
    return [says, "", *_table(columns, table), *stays]


def _whole(row: ClassReport) -> list[str]:
    """Write what all metrics together promote."""
    false = [
        (says, _percent(rate.mean), _percent(rate.worst), str(rate.count))
        for kind, says in WHOLE
        for rate in (getattr(row.all.whole, kind),)
    ]
    hours = row.all.guard_hours
    right = [
        (says, str(result.count), *(_share(result, k) for k in range(len(hours))))
        for kind, says in WHOLE_BY_HOURS
        for result in (getattr(row.all.whole, kind),)
    ]
    return [
        *_table(("whole gate, falsely promoted", "mean", "worst", "changes"), false),
        "",
        *_table(
            ("whole gate, rightly called not worse within", "changes", *(f"{h:g} h" for h in hours)), right
        ),
    ]


def _margin(metric: str, margin: float) -> str:
    if METRICS[metric].relative:
        return f"{'-' if metric == 'turnover' else '+'}{margin:.0%}"
    return f"+{margin:.2f} {METRICS[metric].unit}"


def _both(rate: Rate) -> str:
    if rate.mean is None or rate.worst is None:
        return "-"
    return f"{100.0 * rate.mean:.1f} / {100.0 * rate.worst:.0f} %"


def _share(result: ByHours, k: int) -> str:
    return "-" if result.shares is None else f"{result.shares[k]:.2f}"


def _reading() -> str:
    return """## Reading it
- The worst case of a class is a change whose rare large losses had not shown when the gate looked. Thin
  markets are the hard ones: a day of one small pair holds some hundred fills, and one block can hold half of
  the squared differences.
- A plain t-test that one looks at as tape arrives is wrong many times as often as it says.
- A guard alone is wrong oftener than net: what it measures lasts for many blocks (volatility, the share of
  requests that fill), and of a quiet hour nobody knows yet that it was one. The worst cases are ages and
  inventories that a few minutes decide, above all the harder ones. No guard promotes anything: all of them
  and net must be proven after the same block, which is the whole gate's table.
- Power is that of a change that differs in many blocks. One that changes a few fills needs more tape than
  any table says: the gate counts blocks that differ, and names the hours that are missing.
- Recordings of minutes are drawn again into hours, block by block, which knows nothing of what those hours
  would have brought, nor of what lasts from one block to the next: their rates are the least they can be.
  More tape makes this page better: run the command with recordings of your own.
"""


def _percent(rate: float | None) -> str:
    return "unknown" if rate is None else f"{100.0 * rate:.2f} %"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", "|---|" + "--:|" * (len(columns) - 1)]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows)]
