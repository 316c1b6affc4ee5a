"""What must hold whatever is measured, in whatever order."""

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from framework.gates.verdict import Verdict
from framework.tuning.measure import EdgeDriver, Metric, TuningInput
from framework.tuning.params import RUNTIME_LIMITS, Field, TuningParams, quantise, signature
from framework.tuning.rows import Reason, Row
from framework.tuning.rules import PACKAGES, TuningRules
from framework.tuning.state import TunerState, rebase, start_state
from framework.tuning.step import TuningDecision, step
from framework.tuning.turn import Turn
from tests.tuning.tuning_cases import AUDIT, SCALED, START, WARM, measured, run, sure


def metrics(low: float, high: float) -> st.SearchStrategy[Metric]:
    """Draw a value, often with an interval around it, sometimes open on a side."""
    half = st.none() | st.floats(0.0, (high - low) / 4)

    def build(drawn: tuple[float, float | None, float | None]) -> Metric:
        value, below, above = drawn
        return Metric(
            value, None if below is None else value - below, None if above is None else value + above
        )

    return st.tuples(st.floats(low, high), half, half).map(build)


def inputs(unit: str) -> st.SearchStrategy[TuningInput]:
    """Draw a measurement; any part may be missing."""
    ratio = st.none() | metrics(0.0, 1.0)
    names = st.sampled_from(["slippage_bps", "adverse_bps", "gross_bps", "inventory_bps"])
    found = st.builds(EdgeDriver, name=names, bps=st.none() | metrics(-5.0, 0.0))
    return st.builds(
        TuningInput,
        verdict=st.sampled_from(Verdict),
        fills=st.sampled_from([0, 29, 30, 500]),
        unit=st.just(unit),
        net_bps=st.none() | metrics(-5.0, 8.0),
        gross_bps=st.none() | metrics(-1.0, 12.0),
        net_to_gross=st.none() | metrics(-1.0, 1.0),
        adverse_p95=st.none() | metrics(0.0, 8.0),
        slippage_p95=st.none() | metrics(0.0, 6.0),
        cancel_ratio=ratio,
        order_age_p95_ms=st.none() | metrics(100.0, 500.0),
        ws_lag_p95_ms=st.none() | metrics(20.0, 300.0),
        block_min_interval=ratio,
        block_concurrency=ratio,
        block_risk=ratio,
        neg_edge_drivers=st.lists(found, max_size=3).map(tuple),
    )


def packages() -> st.SearchStrategy[TuningParams]:
    """Draw any package inside the limits."""

    def build(shares: list[float]) -> TuningParams:
        values: dict[str, Any] = {
            field.value: quantise(field, bound.low + share * (bound.high - bound.low))
            for share, (field, bound) in zip(shares, RUNTIME_LIMITS.items(), strict=True)
        }
        return TuningParams(**values)

    return st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6).map(build)


def excludes(row: Row) -> bool:
    """Check by hand that the evidence of an applied row excludes its limits."""

    def beyond(item: Any) -> bool:
        if item.relation == "above":
            return item.lo is not None and item.lo > item.limit
        if item.relation == "below":
            return item.hi is not None and item.hi < item.limit
        return item.hi is not None and item.hi <= item.limit

    def cleared(item: Any) -> bool:
        if item.relation == "above":
            return item.hi is not None and item.hi <= item.limit
        return item.relation == "at_most" or (item.lo is not None and item.lo >= item.limit)

    symptoms = [item for item in row.evidence if item.relation != "at_most"]
    if row.kind == "return":
        net_drivers = [item for item in symptoms if not item.metric.startswith("driver_")]
        return bool(net_drivers) and all(cleared(item) for item in net_drivers)
    if row.kind == "driver":
        return all(beyond(item) for item in symptoms)
    healthy = [item for item in row.evidence if item.relation == "at_most"]
    return any(beyond(item) for item in symptoms) and all(beyond(item) for item in healthy)


def check(rules: TuningRules, before: TuningParams, decision: TuningDecision) -> None:
    """Check one decision against everything that must always hold."""
    after = decision.new_params
    applied = [row for row in decision.rows if row.applied]
    for field, bound in RUNTIME_LIMITS.items():
        assert bound.holds(after.value(field))
        assert after.value(field) == quantise(field, after.value(field))
    changes = Counter(row.field for row in applied)
    assert all(count <= 2 for count in changes.values())
    assert round(after.base_spread_bps_delta - before.base_spread_bps_delta, 9) <= 0.10
    assert all(excludes(row) for row in applied)
    really = {field for field in Field if after.value(field) != before.value(field)}
    assert really == set(changes)
    assert decision.write == bool(really)
    assert bool(decision.why) != decision.write
    assert {delta.field for delta in decision.state.pending} == really
    if not any(row.kind in PACKAGES for row in applied):
        assert len(really) <= rules.phase_at(decision.state.iteration).max_keys
    for field in really:
        walked = [row for row in applied if row.field is field]
        assert walked[0].before == before.value(field)
        assert walked[-1].after == after.value(field)
    for row in decision.rows:
        assert (row.reason in (Reason.APPLIED, Reason.CLAMPED)) == row.applied
        assert row.reason is not Reason.CLAMPED or row.detail
    assert len(decision.markers) >= len(applied)


@given(measurement=inputs("bps"), params=packages(), streak=st.integers(0, 2))
@settings(max_examples=300)
def test_any_step_from_anywhere_keeps_every_promise(
    measurement: TuningInput, params: TuningParams, streak: int
) -> None:
    state = replace(start_state(params=params), evident_streak=streak, negative_streak=streak)
    decision = step(Turn(AUDIT, state, params, iteration=5, last=False), measurement)
    check(AUDIT, params, decision)
    again = step(Turn(AUDIT, state, params, iteration=5, last=False), measurement)
    assert again == decision


@given(measurement=inputs("u"), params=packages())
def test_the_last_iteration_never_moves_anything(measurement: TuningInput, params: TuningParams) -> None:
    state = start_state(params=params)
    decision = step(Turn(SCALED, state, params, iteration=1, last=True), measurement)
    assert decision.new_params == params
    assert not decision.write


@given(measurement=inputs("bps"), params=packages())
def test_without_intervals_nothing_ever_moves(measurement: TuningInput, params: TuningParams) -> None:
    def bare(metric: Metric | None) -> Metric | None:
        return None if metric is None else Metric(metric.value)

    names = [n for n in TuningInput.__dataclass_fields__ if n not in ("verdict", "fills", "unit")]
    values: dict[str, Any] = {n: bare(getattr(measurement, n)) for n in names if n != "neg_edge_drivers"}
    drivers = tuple(EdgeDriver(d.name, bare(d.bps)) for d in measurement.neg_edge_drivers)
    guess = replace(measurement, **values, neg_edge_drivers=drivers)
    state = replace(start_state(params=params), negative_streak=5)
    decision = step(Turn(AUDIT, state, params, iteration=1, last=False), guess)
    assert decision.new_params == params


@given(
    bad=st.integers(1, 8),
    symptom=st.sampled_from(["adverse_p95", "slippage_p95", "cancel_ratio", "order_age_p95_ms"]),
)
def test_once_the_symptom_is_gone_the_way_back_is_monotone_and_arrives(bad: int, symptom: str) -> None:
    worse = {"adverse_p95": 4.5, "slippage_p95": 3.5, "cancel_ratio": 0.6, "order_age_p95_ms": 345.0}
    sick = measured(**{symptom: sure(worse[symptom])})
    decisions = run([sick] * bad + [measured()] * 60)
    back = [d.new_params for d in decisions[bad - 1 :]]
    for field in Field:
        distances = [abs(params.value(field) - START.value(field)) for params in back]
        assert distances == sorted(distances, reverse=True)
    assert back[-1] == START


class Soak(RuleBasedStateMachine):
    """A run of random iterations, patches and lost orders."""

    def __init__(self) -> None:
        super().__init__()
        self.tuned: TuningRules = AUDIT
        self.state: TunerState = start_state(params=START)
        self.params: TuningParams = START
        self.iteration = 0
        self.history: list[str] = []
        self.patched: dict[Field, float] = {}

    @initialize(rules=st.sampled_from([AUDIT, WARM]), params=packages())
    def begin(self, rules: TuningRules, params: TuningParams) -> None:
        self.tuned, self.params, self.state = rules, params, start_state(params=params)

    @rule(measurement=inputs("bps"), lost=st.booleans(), skipped=st.integers(0, 1))
    def iterate(self, measurement: TuningInput, lost: bool, skipped: int) -> None:
        self.iteration += 1 + skipped
        turn = Turn(self.tuned, self.state, self.params, iteration=self.iteration, last=False)
        decision = step(turn, measurement)
        check(self.tuned, self.params, decision)
        self._check_guards(decision)
        self.history = [*self.history[-1:], signature(self.params)]
        self.state = decision.state
        self.params = self.params if lost else decision.new_params

    def _check_guards(self, decision: TuningDecision) -> None:
        micro = [row for row in decision.rows if row.applied and row.kind not in PACKAGES]
        for row in decision.rows:
            if row.applied and row.field is not None:
                assert row.field not in self.patched
                assert self.state.trails[row.field].frozen_until < self.iteration
        if micro and len(self.history) >= 1:
            before, now = self.history[-1], signature(self.params)
            assert not (signature(decision.new_params) == before != now)

    @rule(field=st.sampled_from(Field), share=st.floats(0.0, 1.0))
    def patch(self, field: Field, share: float) -> None:
        bound = RUNTIME_LIMITS[field]
        value = quantise(field, bound.low + share * (bound.high - bound.low))
        lost = self.state.expected != self.params
        self.state, expected = rebase(state=self.state, patch={field.value: value}, bounds=RUNTIME_LIMITS)
        self.params = self.params.with_value(field, value) if lost else expected
        self.patched[field] = value

    @invariant()
    def patched_keys_stay_where_the_patch_put_them(self) -> None:
        for field, value in self.patched.items():
            assert self.params.value(field) == value
            assert self.state.trails[field].start == value

    @invariant()
    def the_package_stays_inside_its_limits(self) -> None:
        assert all(bound.holds(self.params.value(field)) for field, bound in RUNTIME_LIMITS.items())

    @invariant()
    def the_tally_never_counts_more_in_force_than_ordered(self) -> None:
        assert self.state.tally.in_force <= self.state.tally.ordered


Soak.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestSoak = Soak.TestCase
