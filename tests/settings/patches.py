"""Random legal patches for properties: every name a patch may use, with values its field allows."""

from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from framework.files.atomic import canonical_json
from framework.settings.describe import field_at
from framework.settings.documents import Document
from framework.settings.fields import runtime_fields
from framework.settings.overrides import Patch, parse_patch
from framework.settings.schema.run import RunSettings


def patch_of(values: dict[str, Any]) -> Patch:
    """Return the patch of some values, checked as a file is."""
    if not values:
        return Patch({}, "", "", None, Document("none", {}, {}))
    return parse_patch(canonical_json(values), where="p.json", json=True)


def legal_value(name: str) -> st.SearchStrategy[Any]:
    if name == "rollout.candidate":
        return st.none() | st.fixed_dictionaries({}, optional={"tail_age_ms": legal_value("tail_age_ms")})
    field = field_at(RunSettings, runtime_fields()[name])
    assert field is not None
    kind: Any = field.annotation
    if kind is bool:
        return st.booleans()
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    bounds: dict[str, Any] = {}
    for bound in field.metadata:
        bounds |= {key: getattr(bound, key) for key in ("ge", "gt", "le") if hasattr(bound, key)}
    low: Any = bounds.get("ge", bounds.get("gt"))
    high: Any = bounds["le"]
    if kind is int:
        return st.integers(low, high)
    return st.floats(float(low), float(high), exclude_min="gt" in bounds)


def legal_values() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a legal patch's values: names drawn freely, a quote within its cap, no rollout of nothing."""
    return st.fixed_dictionaries({}, optional={name: legal_value(name) for name in runtime_fields()}).filter(
        lambda values: (
            values.get("sizing.quote_notional_usd", 250.0) <= values.get("sizing.notional_cap_usd", 20_000.0)
            and (
                values.get("rollout.mode", "disabled") == "disabled"
                or values.get("rollout.candidate") is not None
            )
        )
    )
