"""Numbers as reports carry them: the same on one machine and the next."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np


def canonical(value: Any) -> Any:
    """Return data or a value with floats at 12 significant digits, no -0, None for NaN and infinities."""
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: canonical(getattr(value, f.name)) for f in fields(value)})
    if isinstance(value, Mapping):
        return {str(k): canonical(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(canonical(v) for v in value)
    if isinstance(value, list):
        return [canonical(v) for v in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.12g}") + 0.0 if math.isfinite(value) else None
    return value
