"""Measurements and packages the tuner's tests share."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from framework.gates.verdict import Verdict
from framework.settings.documents import parse_yaml
from framework.settings.schema.tuning import Tuning
from framework.tuning.load import rules_from_mapping
from framework.tuning.measure import EdgeDriver, Metric, TuningInput
from framework.tuning.params import TuningParams
from framework.tuning.rules import TuningRules
from framework.tuning.state import TunerState, start_state
from framework.tuning.step import TuningDecision, step
from framework.tuning.turn import Turn

CONF = Path(__file__).parents[2] / "conf" / "tuning"
START = TuningParams(70, 280, 0.10, 650, 0.09, 0.14)


def table() -> dict[str, Any]:
    """Return the plain values of the shipped table."""
    document = parse_yaml((CONF / "driver_aware.yaml").read_text(encoding="utf-8"), where="driver_aware.yaml")
    tuning = Tuning.model_validate(document.data)
    assert tuning.table is not None
    return tuning.table.model_dump()


AUDIT = rules_from_mapping(table(), profile="audit_3h", warm_up=False)
SCALED = rules_from_mapping(table(), profile="scaled", warm_up=False)
WARM = rules_from_mapping(table(), profile="audit_3h", warm_up=True)


def sure(value: float, *, half: float | None = None) -> Metric:
    """Return a metric whose interval is narrow."""
    width = abs(value) * 0.01 if half is None else half
    return Metric(value, value - width, value + width)


def unsure(value: float) -> Metric:
    """Return a metric whose interval excludes nothing."""
    return Metric(value, value - 1e6, value + 1e6)


HEALTHY = TuningInput(
    verdict=Verdict.PASS,
    fills=200,
    unit="bps",
    net_bps=sure(2.6),
    gross_bps=sure(8.0),
    adverse_p95=sure(2.0),
    slippage_p95=sure(1.0),
    cancel_ratio=sure(0.40),
    order_age_p95_ms=sure(250.0),
    block_min_interval=sure(0.1),
    block_concurrency=sure(0.1),
    block_risk=sure(0.5),
)
"""Nothing to tune, nothing stable enough to freeze."""


def measured(**changes: Any) -> TuningInput:
    """Return the healthy measurement with some values changed."""
    return replace(HEALTHY, **changes)


def driver(name: str, bps: float = -1.0) -> tuple[EdgeDriver, ...]:
    """Return one evident driver."""
    return (EdgeDriver(name, sure(bps)),)


def one_step(
    measurement: TuningInput,
    *,
    rules: TuningRules = AUDIT,
    state: TunerState | None = None,
    params: TuningParams = START,
    iteration: int = 2,
    last: bool = False,
) -> TuningDecision:
    """Take one step, from a fresh start unless a state is given."""
    state = start_state(params=params) if state is None else state
    return step(Turn(rules, state, params, iteration=iteration, last=last), measurement)


def run(
    measurements: list[TuningInput],
    *,
    rules: TuningRules = AUDIT,
    start: TuningParams = START,
    last: bool = False,
) -> list[TuningDecision]:
    """Take steps 1, 2, …, each in force when the next is measured."""
    state, params, found = start_state(params=start), start, []
    for iteration, measurement in enumerate(measurements, start=1):
        ends = last and iteration == len(measurements)
        found.append(step(Turn(rules, state, params, iteration=iteration, last=ends), measurement))
        state, params = found[-1].state, found[-1].new_params
    return found
