"""The execution cost model, an option of the simulated exchange."""

from framework.settings.schema.base import StrictModel, knob


class CostModel(StrictModel):
    """impact = impact_cost_coeff * participation ** impact_exponent."""

    enabled: bool = knob(unit="", help="charge these costs on top of what matching finds")
    slippage_rate: float = knob(unit="share", help="slippage of an aggressive fill", ge=0.0001, le=0.02)
    impact_cost_coeff: float = knob(unit="share", help="impact at full participation", ge=0.05, le=1.5)
    impact_exponent: float = knob(unit="", help="curvature of impact in participation", ge=0.1, le=2.0)
    fill_probability_floor: float = knob(
        unit="share", help="least probability that an order fills", ge=0.02, le=0.35
    )
