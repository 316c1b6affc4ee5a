"""A bot starts with what is in force or with less risk, whatever its checkout says by now."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from framework.session.errors import SoakError
from framework.session.permitted import check_permitted
from framework.settings.compose import compose_run, live_overrides
from framework.settings.schema.run import RunSettings
from framework.settings.traded import plain_fields
from tests.command import REPOSITORY

COMMIT = "c" * 40


class Desk:
    """A checkout, and what the agent of an environment put in force there."""

    def __init__(self, folder: Path, environment: str) -> None:
        self.root, self.environment = folder, environment
        for name in ("conf", "gitops", "runtime_overrides"):
            shutil.copytree(REPOSITORY / name, folder / name)

    def composed(self, *words: str) -> RunSettings:
        asked = (f"soak.environment={self.environment}", *words)
        return compose_run(words=asked, root=self.root, environ={}).settings

    def put_in_force(self, *, stored: bool = True) -> None:
        """Put in force what the checkout says now."""
        live = live_overrides(self.root, self.environment)
        live.parent.mkdir(parents=True)
        words = {"reason": "-", "owner": "-", "overrides": {}, "commit": COMMIT}
        live.write_text(json.dumps(words))
        text = json.dumps({**words, "config_sha": self.composed().config_sha})
        live.write_text(text)
        if stored:
            path = live.parent.parent / "contents" / f"{sha256(text.encode()).hexdigest()}.json"
            path.parent.mkdir()
            path.write_text(json.dumps({"traded": plain_fields(self.composed())}))

    def edit(self, path: str, old: str, new: str) -> None:
        """Pull what nobody has promoted."""
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def start(self, *words: str) -> None:
        check_permitted(self.composed(*words), home=self.root, environment=self.environment)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, "production")


def test_a_bot_of_what_is_in_force_starts(desk: Desk) -> None:
    desk.put_in_force()
    desk.start()


def test_before_anything_is_in_force_a_sandbox_alone_starts(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(SoakError, match="production: nothing is in force"):
        desk.start()
    Desk(tmp_path / "other", "sandbox").start()


def test_a_checkout_that_is_ahead_brings_no_risk_in(desk: Desk) -> None:
    desk.put_in_force()
    desk.edit("conf/exchange/sim.yaml", "maker_fee_bps: 0.1", "maker_fee_bps: -0.9")
    with pytest.raises(SoakError, match=r"maker_fee_bps is -0\.9, in force 0\.1.*git checkout cccccccccccc"):
        desk.start()


def test_a_field_that_the_live_file_does_not_state_is_no_way_in(desk: Desk) -> None:
    desk.put_in_force()
    desk.edit("conf/strategy/glft.yaml", "base_half_spread_bps: 0.5", "base_half_spread_bps: 0.2")
    with pytest.raises(SoakError, match=r"base_half_spread_bps is 0\.2, in force 0\.5"):
        desk.start()


def test_less_risk_is_nobody_s_concern(desk: Desk) -> None:
    desk.put_in_force()
    desk.start("sizing.notional_cap_usd=1000")


@pytest.mark.parametrize("stored", [True, False])
def test_without_a_record_it_is_the_config_that_counts(tmp_path: Path, stored: bool) -> None:
    desk = Desk(tmp_path, "production")
    desk.put_in_force(stored=stored)
    desk.start()
    desk.edit("conf/exchange/sim.yaml", "maker_fee_bps: 0.1", "maker_fee_bps: -0.9")
    with pytest.raises(SoakError, match="in force"):
        desk.start()
