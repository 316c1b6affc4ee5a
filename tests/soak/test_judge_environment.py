"""Whose variables count when a profile is chosen: those given, and this process's only by default."""

from pathlib import Path

import pytest

from framework.session.judge import choose_profiles
from framework.settings.kpi_profiles import load_kpi_profile

ROOT = Path(__file__).resolve().parents[2]


def test_a_gate_can_leave_the_variables_of_its_process_out(monkeypatch: pytest.MonkeyPatch) -> None:
    kpi = load_kpi_profile(root=ROOT, name="scaled")
    monkeypatch.setenv("KPI_MAKER_SHARE_FAIL", "1")
    leaked = choose_profiles(kpi=kpi, root=ROOT).deciding
    alone = choose_profiles(kpi=kpi, root=ROOT, environ={}).deciding
    assert leaked != alone
    monkeypatch.delenv("KPI_MAKER_SHARE_FAIL")
    assert choose_profiles(kpi=kpi, root=ROOT).deciding == alone
