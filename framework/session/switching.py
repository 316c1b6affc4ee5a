"""Switching of the quoting profile: one row per 30-minute window, and the patch that does it when asked to.

The table says where the rule of ``framework.edge.profile_switch`` changes the profile, so that a choice can
be judged on the same tape. ``soak.profile_switch=act`` does what it says from the next iteration on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framework.edge.measures import equity_at
from framework.edge.profile_switch import WINDOW_MIN, QuotingProfile, SwitchState, step
from framework.edge.window import Rows, WindowData
from framework.files.atomic import canonical_json, read_text, sha256_of
from framework.files.hints import shown
from framework.session.errors import SoakError
from framework.session.portfolio import Playable
from framework.session.reload import LiveSettings, Offer
from framework.settings.compose import Composed
from framework.settings.documents import parse_yaml
from framework.settings.patch import parse_patch
from framework.settings.provenance import Layer, Source
from framework.settings.schema.profile import ProfileFile
from framework.settings.validate import validated
from framework.units import MINUTE

SWITCHED = ("spread_multiplier", "inflight_max", "backoff_ms")
"""What the document names: conservative x1.5, 5 requests, 200 ms; moderate x1.0, 10 requests, 100 ms."""
WINDOW_NS = WINDOW_MIN * MINUTE


@dataclass(frozen=True)
class SwitchRow:
    """One 30-minute window: its net, both averages (bps), and the profile after it."""

    start_ns: int
    net_bps: float | None
    ema_1h_bps: float | None
    ema_24h_bps: float | None
    negative_windows: int
    profile: str
    seen: str

    def as_dict(self) -> dict[str, Any]:
        """Return the row as soak_metrics.json holds it."""
        return asdict(self)


def switch_rows(*windows: WindowData) -> list[SwitchRow]:
    """Give one row per whole 30-minute window of the account; windows are of its symbols."""
    start_ns = windows[0].start_ns
    count = (windows[0].end_ns - start_ns) // WINDOW_NS
    edges = start_ns + np.arange(count + 1, dtype=np.int64) * WINDOW_NS
    net = np.sum([np.diff(equity_at(window, times=edges)) for window in windows], axis=0)
    worth = np.sum([_turnover(window, edges) for window in windows], axis=0)
    rows, state = [], SwitchState()
    for start, earned, turnover in zip(edges[:-1].tolist(), net.tolist(), worth.tolist(), strict=True):
        bps = earned / turnover * 1e4 if turnover > 0.0 else None
        state = step(state=state, net_bps=bps)
        rows.append(
            SwitchRow(
                start_ns=start,
                net_bps=bps,
                ema_1h_bps=state.fast.value,
                ema_24h_bps=state.slow.value,
                negative_windows=state.negative_windows,
                profile=state.profile.value,
                seen=state.reason,
            )
        )
    return rows


def _turnover(window: WindowData, edges: Rows) -> Rows:
    """Add up what was traded from each edge to the next."""
    fills, count = window.fills, len(edges) - 1
    part = np.searchsorted(edges, fills["exch_ts_ns"], side="right") - 1
    inside = (part >= 0) & (part < count)
    return np.bincount(part[inside], weights=(fills["price"] * fills["qty"])[inside], minlength=count)


def switch_sentence(rows: Sequence[SwitchRow], *, acted: bool = False) -> str:
    """Say when the rule would have switched, or has; of a run below half an hour, that there was nothing to
    judge.
    """
    if not rows:
        return "profile switching: no whole 30-minute window to judge"
    first = now = SwitchState().profile.value
    moves = []
    for k, row in enumerate(rows, start=1):
        if row.profile != now:
            now = row.profile
            moves.append(f"{now} after {k * WINDOW_MIN / 60:g} h")
    outcome = f"gone to {', '.join(moves)}" if moves else f"kept {first} throughout"
    return f"profile switching, begun at {first}, {'has' if acted else 'would have'} {outcome}"


@dataclass
class ProfileSwitch:
    """Offer the other profile's traits once the rule says so; ``traits`` holds them by profile."""

    live: LiveSettings
    traits: dict[str, dict[str, Any]]
    now: str = SwitchState().profile.value

    def look(self, replay: Playable) -> None:
        """Judge the whole half-hours played so far; what they ask for comes with the next iteration."""
        rows = switch_rows(*replay.wholes())
        wanted = rows[-1].profile if rows else self.now
        if wanted == self.now or not replay.left():
            return
        self.now = wanted
        values = {f"profile.{name}": value for name, value in self.traits[wanted].items()}
        text = canonical_json({"overrides": values, "reason": f"profile switch to {wanted}", "owner": "soak"})
        patch = parse_patch(text, where="soak.profile_switch", json=True)
        at_ns = replay.market.boundaries[replay.done]
        self.live.schedule.insert(at_ns, Offer(patch, sha256_of(text), partial=True))


def make_switch(*, composed: Composed, live: LiveSettings) -> ProfileSwitch | None:
    """Make what switches profiles in a run; None when it only advises, SoakError beside a candidate."""
    settings = composed.settings
    if settings.soak.profile_switch == "advice":
        return None
    if settings.rollout.mode != "disabled":
        raise SoakError(
            f"soak.profile_switch: is act while rollout is {settings.rollout.mode};"
            f" allowed with rollout=disabled, or advice"
        )
    return ProfileSwitch(live, {p.value: _traits(composed.root, p.value) for p in QuotingProfile})


def _traits(root: Path, name: str) -> dict[str, Any]:
    """Read the traits that switching sets from a profile's file."""
    path = root / "conf" / "profile" / f"{name}.yaml"
    document = parse_yaml(read_text(path), where=shown(path, root))

    def locate(keys: tuple[str, ...]) -> Source:
        return Source(Layer.PROFILE, document.at(keys), ".".join(keys))

    file = validated(ProfileFile, document.data, locate=locate)
    return {trait: getattr(file, trait) for trait in SWITCHED}
