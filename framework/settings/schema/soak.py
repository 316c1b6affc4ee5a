"""The soak: how long, in how many iterations, on which clock."""

from typing import Annotated, Literal

from pydantic import Field

from framework.settings.schema.base import StrictModel, knob

EnvironmentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$"), "a name like paper"]


class Soak(StrictModel):
    """Hours are hours of tape under the replay clock, and real hours under the wall clock."""

    hours: Annotated[float, Field(gt=0.0, le=720.0)] | Literal["tape"] = knob(
        unit="h", help="how long; tape means the whole tape"
    )
    iterations: int = knob(unit="", help="windows that are reported and tuned one by one", ge=1, le=1_000)
    auto_tune: bool = knob(unit="", help="change parameters between iterations as conf/tuning says")
    clock: Literal["replay", "wall"] = knob(unit="", help="as fast as possible, or in real time")
    overrides_file: Annotated[str, Field(min_length=1)] | None = knob(
        unit="", help="patch to start from; null for the profile alone", identity=False
    )
    patches_file: Annotated[str, Field(min_length=1)] | None = knob(
        unit="", help="schedule of patches that come in mid-run; null for none", identity=False
    )
    environment: EnvironmentName | None = knob(
        unit="",
        help="whose overrides to start from and, under the wall clock, to follow; null for none",
        identity=False,
    )
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = knob(
        unit="",
        help="port of the metrics under the wall clock, on this machine only; 0: a free one, null: none",
        identity=False,
    )
    seed: int = knob(
        unit="",
        help="seed of the synthetic market and of drawn delays",
        ge=0,
        le=2**63 - 1,
        identity=False,
    )
    warm_up: bool = knob(
        unit="", help="the first six iterations are lenient: a FAIL there counts as WARN, tuning ramps up"
    )
    profile_switch: Literal["advice", "act"] = knob(
        unit="",
        help="conservative after three losing half-hours, moderate after a good day: said, or done",
        default="advice",
    )
    sample_ms: int = knob(unit="ms", help="spacing of the equity samples", ge=10, le=3_600_000)
    stage_timings: bool = knob(
        unit="", help="time every stage of the tick on the first iteration, into timing.json", identity=False
    )
    keep_runs: int = knob(
        unit="runs",
        help="older soaks are deleted from artifacts/runs/soak/ beyond this many; 0 keeps all",
        ge=0,
        le=100_000,
        identity=False,
    )
