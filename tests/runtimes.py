"""What a run of tests says its reports are about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from framework.session.provenance import Runtime, TapeName


def a_runtime(**changed: Any) -> Runtime:
    """Give a runtime by hand."""
    tape = TapeName("by hand", "d" * 64)
    plain = Runtime(
        version="0.0", config_sha="c" * 64, tape=tape, tapes={"XYZUSDT": tape}, seed=7, clock="replay",
        rollout="disabled", maker_fee_bps=0.1, taker_fee_bps=5.5, iterations=3,
    )  # fmt: skip
    return replace(plain, **changed)
