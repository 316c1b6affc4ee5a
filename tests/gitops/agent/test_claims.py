"""A published journal is a claim: who may push its branch puts nothing in force, nothing to go back to."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framework.files.atomic import canonical_json
from framework.files.moments import iso_utc
from framework.gitops.agent.conditions import Permission, permission_of
from framework.gitops.agent.lease import new_lease
from framework.gitops.agent.serve import make_reconciler
from framework.gitops.desired.history import fold
from framework.gitops.desired.rendered import Rendered, rendered_with
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import BRANCH, fetch_tip, read_newest
from framework.journal.entry import Kind, make_entry
from framework.session.errors import SoakError
from framework.session.tracked import check_untracked
from tests.gitops.agent_cases import World

LOOSE = {"base_spread_bps_delta": 0.0, "sizing.notional_cap_usd": 90_000.0}
TIGHT = {"base_spread_bps_delta": 0.5}


def forge(world: World, content: Rendered, *more: tuple[Kind, Mapping[str, Any]], trusted: str = "") -> None:
    """Push a content as in force to the journal's branch, as anybody may who can push there."""
    git, name = world.author, world.environment
    tip = fetch_tip(git, str(world.remote))
    newest = None if tip is None else read_newest(git, tip, name)
    assert newest is not None
    applied = fold(newest.entries).applied
    assert applied is not None
    data = {**content.entry(bot_health="healthy"), "changes": [], "trusted": trusted or applied.commit}
    entries = list(newest.entries)
    for kind, said in ((Kind.APPLIED, data), *more):
        at = iso_utc(world.now, timespec="microseconds")
        entries.append(make_entry(after=entries[-1].head, at=at, kind=kind, data=said))
    head = {"seq": entries[-1].seq, "sha256": entries[-1].sha256}
    lease = new_lease(holder="elsewhere", token=99, now=world.now, released=True)
    files: dict[str, bytes | None] = {
        f"{name}.jsonl": b"".join(entry.line() for entry in entries),
        f"{name}.head.json": (canonical_json(head) + "\n").encode(),
        f"{name}.contents/{content.overrides_sha}.json": content.stored_bytes(),
        f"{name}.lease.json": lease.line(),
    }
    git.push(str(world.remote), f"{git.commit_files(tip, files, 'journal')}:refs/heads/{BRANCH}")


def made_up(world: World, values: Mapping[str, Any]) -> Rendered:
    """Return what is in force with other values, as the next content."""
    good = world.agent.observer.in_force()
    assert good is not None
    moved = rendered_with(good, values, kept={})
    return replace(moved, generation=good.generation + 1, cause="commit")


def hold_on(content: Rendered, *, quarantined: bool) -> tuple[Kind, Mapping[str, Any]]:
    """Return an entry that holds a content."""
    names = ("commit", "config_sha", "overrides_sha")
    held = {
        **{name: getattr(content, name) for name in names},
        "generation": content.generation,
        "proven": True,
    }
    bad = {**dict.fromkeys(names, "f" * 40), "until": "2030-01-01T00:00:00Z"} if quarantined else None
    grounds = {"reason": "incident", "cause": "operator", "by": "desk", "at": "2026-03-04T12:00:00Z"}
    return Kind.HOLD, {
        "hold": "hold-77", **grounds, "head": None, "head_config_sha": None, "held": held, "quarantined": bad,
    }  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.restart(publishes=True)
    made.poll()
    made.ask(tail_age_ms=700)
    made.poll()
    return made


@pytest.mark.parametrize(
    ("host", "hold"),
    [("running", "none"), ("restarted", "after going back"), ("new", "none"), ("new", "after going back")],
)
def test_a_made_up_content_is_put_in_force_nowhere(world: World, host: str, hold: str) -> None:
    content = made_up(world, LOOSE)
    holds = () if hold == "none" else (hold_on(content, quarantined=hold != "plain"),)
    forge(world, content, *holds)
    if host == "new":
        shutil.rmtree(world.home)
    if host != "running":
        world.restart(publishes=True)
    observed = world.poll()
    assert (permission_of(observed)[0] is Permission.HELD) is (hold != "none"), (
        "a hold counts, whoever wrote it"
    )
    if host == "new" and hold != "none":
        assert world.live_sha() is None
    else:
        assert world.live()["tail_age_ms"] == 700
        assert world.live().get("base_spread_bps_delta", 1.0) > 0.0
    assert any("let in by nobody" in line for line in world.said)
    assert content.overrides_sha not in {item.overrides_sha for item in world.agent.view.history().trail}
    world.ask(tail_age_ms=720)
    if hold == "none":
        world.poll()
        assert world.live()["tail_age_ms"] == 720, "it goes on"


def test_what_only_takes_risk_away_is_taken_over(world: World) -> None:
    forge(world, made_up(world, TIGHT))
    world.poll()
    assert world.agent.view.history().alerts == {}
    applied = world.agent.view.history().applied
    assert applied is not None
    assert applied.cause == "commit"
    assert not any("let in by nobody" in line for line in world.said)


def test_the_config_sha_of_a_promoted_content_lets_no_other_values_in(world: World) -> None:
    good = world.agent.observer.in_force()
    assert good is not None
    lie = replace(
        made_up(world, LOOSE), config_sha=good.config_sha, settings=good.settings, traded=good.traded
    )
    forge(world, lie)
    world.poll()
    assert world.live().get("base_spread_bps_delta", 1.0) > 0.0


def test_an_entry_without_its_keys_is_said_and_reducing_goes_on(world: World) -> None:
    git, name = world.author, world.environment
    tip = fetch_tip(git, str(world.remote))
    newest = None if tip is None else read_newest(git, tip, name)
    assert newest is not None
    at = iso_utc(world.now, timespec="microseconds")
    odd = make_entry(after=newest.head, at=at, kind=Kind.APPLIED, data={"commit": "x"})
    files: dict[str, bytes | None] = {
        f"{name}.jsonl": b"".join(entry.line() for entry in (*newest.entries, odd)),
        f"{name}.head.json": (canonical_json({"seq": odd.seq, "sha256": odd.sha256}) + "\n").encode(),
    }
    git.push(str(world.remote), f"{git.commit_files(tip, files, 'journal')}:refs/heads/{BRANCH}")
    world.ask(tail_age_ms=700, base_spread_bps_delta=0.5)
    observed = world.poll()
    assert "an entry applied without what belongs to it" in observed.restrained
    assert world.live()["base_spread_bps_delta"] == 0.5


@pytest.mark.parametrize("what", ["a file", "a link"])
def test_state_that_came_with_a_commit_starts_no_agent(tmp_path: Path, what: str) -> None:
    git = Git(tmp_path)
    git.run("init", "-q", ".")
    if what == "a file":
        live = tmp_path / "artifacts" / "gitops" / "sandbox" / "live" / "overrides.json"
        live.parent.mkdir(parents=True)
        live.write_text("{}")
    else:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "artifacts").symlink_to("elsewhere")
    check_untracked(tmp_path, "sandbox")
    git.run("add", "-f", "artifacts")
    with pytest.raises(SoakError, match="git tracks it"):
        check_untracked(tmp_path, "sandbox")
    with pytest.raises(SoakError, match="git tracks it"):
        make_reconciler(environment="sandbox", home=tmp_path, remote="x")
    if what == "a file":
        check_untracked(tmp_path, "paper")


@pytest.mark.parametrize("host", ["restarted", "new"])
def test_a_gate_s_journal_that_was_shortened_lets_nothing_in(world: World, host: str) -> None:
    commit = world.ask(tail_age_ms=720)
    world.promote(commit, Kind.REFUSED, sentence="worse")
    assert permission_of(world.poll())[0] is Permission.REFUSED
    git, name = world.author, "sandbox.gate"
    tip = fetch_tip(git, str(world.remote))
    newest = None if tip is None else read_newest(git, tip, name)
    assert newest is not None
    left = newest.entries[:-1]
    head = {"seq": left[-1].seq, "sha256": left[-1].sha256}
    files: dict[str, bytes | None] = {
        f"{name}.jsonl": b"".join(entry.line() for entry in left),
        f"{name}.head.json": (canonical_json(head) + "\n").encode(),
    }
    git.push(str(world.remote), f"{git.commit_files(tip, files, 'journal')}:refs/heads/{BRANCH}")
    if host == "new":
        shutil.rmtree(world.home)
    world.restart(publishes=True)
    for _ in range(4):
        assert permission_of(world.poll())[0] in (Permission.WAITING, Permission.REFUSED)
        assert world.live() == {"tail_age_ms": 700}
    assert "journal" in world.agent.view.history().alerts
