"""From settings to the flat records of the compiled core; every transcendental function of the strategy runs
here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.compiled.records import at, zeros
from framework.market.instrument import Instrument
from framework.market.records import LIMIT, POST_ONLY, REAL
from framework.quoting.inputs import MODEL, PROXY
from framework.quoting.records import Params
from framework.quoting.stages import STAGES
from framework.quoting.tick import pack_plan
from framework.settings.schema.run import DeskSettings
from framework.units import MINUTE, MS, SECOND
from framework.venue.matching.records import PROB_POWER, RISK_AVERSE, VenueRules

BUCKET_SECONDS = 10.0
COST_KNOTS = 481
COST_DRAWS = 65_536


def glft_constants(*, gamma: float, kappa: float, rate_per_s: float) -> tuple[float, float]:
    """Give ln(1+gamma/kappa)/gamma in bps and the factor of sigma (bps per square root second) in half-spread
    and skew.

    Source: Guéant, Lehalle, Fernandez-Tapia (2013), asymptotic closed-form approximation.
    """
    base = math.log1p(gamma / kappa) / gamma
    power = (1.0 + gamma / kappa) ** (1.0 + kappa / gamma)
    return base, math.sqrt(gamma / (2.0 * kappa * rate_per_s) * power)


def fill_params(
    params: list[Params],
    *,
    settings: DeskSettings,
    instrument: Instrument,
    version: int = 0,
    from_ns: int = 0,
    route: int = REAL,
) -> None:
    """Write a version of ``Params`` from settings into its place, in force from ``from_ns`` on."""
    row = at(params, version)
    _fill_limits(row, settings)
    _fill_strategy(row, settings)
    _fill_risk(row, settings)
    row.from_ns = from_ns
    row.version = version
    row.route = route
    row.tick = instrument.tick
    row.lot = instrument.lot
    row.min_lots = max(1, math.ceil(float(instrument.min_qty) / instrument.lot - 1e-9))
    row.min_notional = float(instrument.min_notional)


def _fill_limits(row: Any, settings: DeskSettings) -> None:
    params, profile = settings.params, settings.profile
    row.min_interval_ns = params.min_interval_ms * MS
    row.replace_per_ns = params.replace_rate_per_min / MINUTE
    row.replace_capacity = params.replace_rate_per_min / 60.0 * BUCKET_SECONDS
    row.base_spread_bps_delta = params.base_spread_bps_delta
    row.tail_age_ns = params.tail_age_ms * MS
    row.impact_cap_ratio = params.impact_cap_ratio
    row.max_delta_ratio = params.max_delta_ratio
    row.inflight_max = profile.inflight_max
    row.spread_multiplier = profile.spread_multiplier
    row.backoff_ns = profile.backoff_ms * MS
    row.slippage_penalty_coef = profile.slippage_penalty_coef
    row.inventory_tilt_cap = profile.inventory_tilt_cap


def _fill_strategy(row: Any, settings: DeskSettings) -> None:
    strategy, exchange, cache = settings.strategy, settings.exchange, settings.md_cache
    base, risk = glft_constants(
        gamma=strategy.risk_aversion_gamma,
        kappa=strategy.arrival_decay_kappa,
        rate_per_s=strategy.arrival_rate_per_s,
    )
    row.plan = pack_plan([STAGES[name] for name in strategy.stages])
    row.tick_interval_ns = strategy.tick_ms * MS
    row.base_half_spread_bps = strategy.base_half_spread_bps
    row.min_half_spread_bps = strategy.min_half_spread_bps
    row.glft_base_bps = base
    row.glft_risk = risk
    row.inventory_skew = strategy.inventory_skew
    row.adverse_weight = strategy.adverse_weight
    row.adverse_tau_ns = strategy.adverse_halflife_s / math.log(2.0) * SECOND
    row.vol_tau_s = strategy.vol_halflife_s / math.log(2.0)
    row.signal_source = MODEL if settings.signal.source == "model" else PROXY
    row.signal_weight_bps = settings.signal.weight_bps
    row.signal_k = settings.signal.k
    row.momentum_tau_s = settings.signal.momentum_window_s
    row.queue_eta_target_ns = strategy.queue_eta_target_ms * MS
    row.queue_nudge_ticks = strategy.queue_nudge_ticks
    row.requote_tolerance_bps = strategy.requote_tolerance_bps
    row.maker_fee_bps = exchange.maker_fee_bps
    row.order_kind = POST_ONLY if exchange.post_only else LIMIT
    row.md_enabled = int(cache.enabled)
    row.md_fresh_ns = cache.fresh_ms_for_pricing * MS
    row.md_jump_ticks = cache.price_jump_ticks
    row.md_gap_ns = cache.invalidate_on_ws_gap_ms * MS
    row.md_stale_ok = int(cache.stale_ok)


def _fill_risk(row: Any, settings: DeskSettings) -> None:
    sizing, guards = settings.sizing, settings.guards
    row.leverage = sizing.leverage
    row.notional_cap = sizing.notional_cap_usd
    row.quote_notional = sizing.notional_cap_usd if sizing.use_all_in else sizing.quote_notional_usd
    row.min_free_balance = sizing.min_free_balance_usd
    row.equity_start = sizing.equity_usd
    row.max_position_quotes = sizing.max_position_quotes
    row.near_liq_enabled = int(guards.near_liq_guard.enabled)
    row.sl_buffer_multiplier = guards.near_liq_guard.sl_buffer_multiplier
    row.maintenance_margin = guards.near_liq_guard.maintenance_margin_ratio
    row.assumed_sl = guards.assumed_sl_pct
    row.liquidity_enabled = int(guards.liquidity_by_side.enabled)
    row.liquidity_alpha = guards.liquidity_by_side.alpha
    row.liquidity_levels = guards.liquidity_by_side.levels
    row.loss_halt = guards.loss_halt_usd
    row.vol_halt_bps = guards.vol_halt_bps
    row.stale_halt_ns = guards.stale_halt_ms * MS


def make_venue(*, settings: DeskSettings, instrument: Instrument) -> list[VenueRules]:
    """Give the simulated exchange's rules as a record of length one."""
    exchange = settings.exchange
    rows = zeros(VenueRules, 1)
    row = at(rows, 0)
    row.tick = instrument.tick
    row.lot = instrument.lot
    row.maker_fee = exchange.maker_fee_bps * 1e-4
    row.taker_fee = exchange.taker_fee_bps * 1e-4
    row.fee_in_base = int(exchange.fee_in_base)
    row.queue_model = PROB_POWER if exchange.queue_model == "prob_power" else RISK_AVERSE
    row.queue_power = exchange.queue_power_n
    row.partial_fills = int(exchange.partial_fills)
    row.shared_queue = int(exchange.shared_queue)
    row.slippage_rate = settings.cost_model.slippage_rate if settings.cost_model.enabled else 0.0
    row.cost_knots = COST_KNOTS if settings.cost_model.enabled else 0
    return rows


def make_costs(*, settings: DeskSettings, seed: int) -> NDArray[np.float64]:
    """Give the cost model as the core reads it, empty when it is off; drawn from a seed.

    Columns of COST_KNOTS values: the participation (a share of the day's volume, 2^-30 to 1), the impact of
    an aggressive order coeff * participation^exponent (a fraction of the price), the probability that a print
    at a passive order's price fills it, 1/(1+exp(18(participation-.035))) but not below the floor. Then
    uniform draws.
    """
    model = settings.cost_model
    if not model.enabled:
        return np.zeros(0)
    share = np.exp2(np.linspace(-30.0, 0.0, COST_KNOTS))
    impact = model.impact_cost_coeff * share**model.impact_exponent
    filled = np.maximum(model.fill_probability_floor, 1.0 / (1.0 + np.exp(18.0 * (share - 0.035))))
    drawn = np.random.Generator(np.random.PCG64([seed, 4])).random(COST_DRAWS)
    return np.concatenate([share, impact, filled, drawn])
