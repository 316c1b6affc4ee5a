"""Draw the order in which rules are tried from the table itself."""

from framework.tuning.params import Field, format_value
from framework.tuning.rules import Condition, FieldStep, Kind, Relation, Rule, TuningRules

SIGNS = {Relation.ABOVE: ">", Relation.BELOW: "<", Relation.AT_MOST: "<="}


def rule_order(*, rules: TuningRules) -> str:
    """Return the rules as a Markdown table in the order they are tried."""
    lines = ["| | rule | fires when | moves |", "|--:|---|---|---|"]
    for number, rule in enumerate(rules.every_rule(), start=1):
        lines.append(f"| {number} | {rule.marker}{_mark(rule)} | {_when(rules, rule)} | {_steps(rule)} |")
    lines.append(f"| {len(lines) - 1} | RETURN | {_clean(rules)} | {_way_back(rules)} |")
    return "\n".join(lines)


def _mark(rule: Rule) -> str:
    return " †" if rule.counts_as_fail else ""


def _when(rules: TuningRules, rule: Rule) -> str:
    if rule.kind is Kind.CALM_DOWN:
        return f"{rules.multi_fail.fails} or more † fire: everything else is discarded"
    symptoms = " or ".join(_condition(rules, item) for item in rule.symptoms)
    text = " and ".join([symptoms, *(_condition(rules, item) for item in rule.requires)])
    if rule.kind is Kind.FALLBACK:
        fallback = rules.fallback
        after = f"{fallback.after_negative} iterations in a row, {fallback.min_gap + 1} after the last one"
        return f"{text}, {after}: nothing else is tried"
    return f"{text}, and no † fires" if rule.only_without_fails else text


def _condition(rules: TuningRules, condition: Condition) -> str:
    return f"{condition.metric} {SIGNS[condition.relation]} {rules.limits[condition.metric]:g}"


def _steps(rule: Rule) -> str:
    return ", ".join(_step(step) for step in rule.steps)


def _step(step: FieldStep) -> str:
    if step.add is None:
        return f"{step.field.value} at least {format_value(step.field, step.at_least or 0.0)}"
    sign = "+" if step.add > 0 else "-"
    text = f"{step.field.value} {sign}{format_value(step.field, abs(step.add))}"
    if step.limit is None:
        return text
    return f"{text} ({'to' if step.add > 0 else 'down to'} {format_value(step.field, step.limit)})"


def _clean(rules: TuningRules) -> str:
    back = rules.way_back
    return f"no † fires, and all that moved the parameter is gone for {back.clean_iterations} iterations"


def _way_back(rules: TuningRules) -> str:
    sizes = (f"{field.value} {format_value(field, rules.way_back.steps[field])}" for field in Field)
    return "towards the start value by " + ", ".join(sizes)
