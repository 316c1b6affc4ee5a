"""What every settings model shares: strict frozen values, and fields that say what they mean."""

from typing import Any, Literal, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Reload = Literal["hot", "next_quote", "flat_only", "restart"]
"""When a change takes effect: next tick; new orders only; once flat; never without a restart."""

Direction = Literal["up", "down", "none"]
"""Which way a change of the value reduces risk; choices rank in the order they are listed, false below true.

Only what never adds risk has a direction, for a change in it is in force without evidence. None is for what
trades one risk for another: a higher risk_aversion_gamma leans harder against the position and narrows the
part ln(1 + gamma/kappa)/gamma of the half-spread; a stronger inventory_skew sells nearer to mid.
"""


class StrictModel(BaseModel):
    """Be immutable; refuse unknown keys, lossy conversions, NaN and infinities."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=False,
        protected_namespaces=(),
        defer_build=True,
    )


class Bounds(TypedDict, total=False):
    """The limits of a number: greater or less than, or equal."""

    ge: float
    gt: float
    le: float
    lt: float


def knob(
    *,
    unit: str,
    help: str,
    reload: Reload = "restart",
    reduces: Direction = "none",
    default: Any = PydanticUndefined,
    identity: bool = True,
    secret: bool = False,
    **bounds: Unpack[Bounds],
) -> Any:
    """Declare one configuration value.

    ``unit`` ("" when it has none), ``help`` (one sentence) and the bounds are shown in errors; ``reload``
    says when a change takes effect, ``reduces`` which way a change reduces risk. Without ``default`` the conf
    file must give the value. ``identity=False`` leaves the value out of ``config_sha``: for paths, seeds and
    names of secrets, which do not change how the strategy behaves. ``secret=True`` keeps a refused value out
    of the message.
    """
    meta: dict[str, Any] = {
        "unit": unit,
        "reload": reload,
        "reduces": reduces,
        "identity": identity,
        "secret": secret,
    }
    return Field(default, description=help, **bounds, json_schema_extra=meta)


def meta_of(field: FieldInfo) -> dict[str, Any]:
    """Return what ``knob`` recorded about a field; an empty dict for a nested group."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}
