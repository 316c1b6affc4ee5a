"""Which KPI thresholds are in force: the shipped profile, and what words and variables changed in it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from framework.gates.errors import KpiError
from framework.gates.kpi import Profile
from framework.gates.metrics import METRICS

NEVER_RELAXED = ("audit_3h",)
"""Profiles that are a specification verbatim: they may be tightened, never loosened."""

ENVIRONMENT: dict[str, tuple[str, tuple[str, ...]]] = {
    **{
        f"KPI_{word}_{level}": (kind, metrics)
        for word, metrics in {
            "ADVERSE": ("adverse_u_p95", "adverse_bps_p95"),
            "SLIPPAGE": ("slippage_u_p95", "slippage_bps_p95"),
            "CANCEL": ("cancel_ratio",),
            "ORDER_AGE": ("order_age_p95_ms",),
            "WS_LAG": ("ws_lag_p95_ms",),
        }.items()
        for level, kind in (("WARN", "soft"), ("FAIL", "hard"))
    },
    "KPI_NET_BPS_FAIL": ("hard", ("net_bps",)),
    "KPI_MAKER_SHARE_FAIL": ("hard", ("maker_share_pct",)),
}
"""Environment variable -> (kind of limit, metrics: the first one the profile judges, else the last)."""


@dataclass(frozen=True)
class Profiles:
    """The profile that sets the exit code, and those shown beside it."""

    deciding: Profile
    shown: tuple[Profile, ...] = ()

    def by_name(self) -> dict[str, Profile]:
        """Return all of them; one that is shown with the deciding one's name is replaced by it."""
        return {profile.name: profile for profile in (*self.shown, self.deciding)}


def with_environment(*, profile: Profile, environ: Mapping[str, str]) -> Profile:
    """Apply the ``KPI_*`` variables to a profile; raises KpiError for an unknown name or no number."""
    for name in sorted(n for n in environ if n.startswith("KPI_")):
        if name not in ENVIRONMENT:
            raise KpiError(
                f"environment: {name} is not a KPI variable; allowed {', '.join(sorted(ENVIRONMENT))}"
            )
        try:
            value = float(environ[name].replace("_", " "))  # Python alone reads 1_0 as ten
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise KpiError(f"environment: {name} is {environ[name]!r}; allowed a finite number")
        kind, metrics = ENVIRONMENT[name]
        metric = next((m for m in metrics if m in profile.hard or m in profile.soft), metrics[-1])
        profile = with_limits(profile=profile, changes={(kind, metric): value})
    return profile


def with_limits(*, profile: Profile, changes: Mapping[tuple[str, str], float | None]) -> Profile:
    """Return the profile with limits replaced: (kind, metric) -> value, None to stop judging it.

    Raises KpiError when that would loosen a profile that is a specification verbatim.
    """
    limits = {"hard": dict(profile.hard), "soft": dict(profile.soft), "ideal": dict(profile.ideal)}
    for (kind, metric), value in changes.items():
        before = limits[kind].get(metric)
        if profile.name in NEVER_RELAXED and _loosens(metric, before=before, after=value):
            raise KpiError(
                f"kpi.{kind}.{metric}: {value} loosens {before} of profile {profile.name}, which is the"
                " specification and never relaxed; allowed tighter values, or another profile (kpi=scaled)"
            )
        if value is None:
            limits[kind].pop(metric, None)
        else:
            limits[kind][metric] = value
    return replace(profile, hard=limits["hard"], soft=limits["soft"], ideal=limits["ideal"])


def deciding_profile(
    *, selected: Profile, decides: str, shipped: Mapping[str, Profile], environ: Mapping[str, str]
) -> Profile:
    """Return the profile that sets the exit code, with every override in force.

    ``selected`` is the composed kpi group, ``shipped`` the profiles as their files say. What a word changed
    in the selected profile binds the deciding one, so ``kpi.hard.net_bps=3`` works whichever profile decides.
    Raises KpiError.
    """
    if decides == selected.name:
        base, changes = shipped.get(decides, selected), _changes(shipped.get(decides, selected), selected)
    elif decides in shipped:
        base, changes = shipped[decides], _changes(shipped.get(selected.name, selected), selected)
    else:
        allowed = ", ".join(sorted({selected.name, *shipped}))
        raise KpiError(f"kpi.decides: {decides} is not a KPI profile; allowed {allowed}")
    profile = with_limits(profile=replace(base, min_fills=selected.min_fills), changes=changes)
    return with_environment(profile=profile, environ=environ)


def _changes(before: Profile, after: Profile) -> dict[tuple[str, str], float | None]:
    changes: dict[tuple[str, str], float | None] = {}
    for kind in ("hard", "soft", "ideal"):
        old, new = getattr(before, kind), getattr(after, kind)
        for metric in METRICS:
            if old.get(metric) != new.get(metric):
                changes[kind, metric] = new.get(metric)
    return changes


def _loosens(metric: str, *, before: float | None, after: float | None) -> bool:
    if before is None:
        return False
    if after is None:
        return True
    return after < before if METRICS[metric].higher_is_better else after > before
