"""The baseline of a rollout: the chosen profile's own run-time parameters, without any override."""

from __future__ import annotations

from framework.files.atomic import read_text
from framework.settings.compose import Composed
from framework.settings.documents import parse_yaml
from framework.tuning.params import Field, TuningParams


def baseline_package(composed: Composed) -> TuningParams:
    """Read the six parameters from the profile's file; composing has already validated them."""
    name = f"conf/profile/{composed.choices['profile']}.yaml"
    data = parse_yaml(read_text(composed.root / name), where=name).data
    return TuningParams(**{field.value: data[field.value] for field in Field})
