"""The agent against a real bare remote: what it puts in force, and what it never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.gitops.agent.conditions import Health, Permission, Sync, health_of, permission_of, sync_of
from framework.journal.entry import Kind
from tests.gitops.agent_cases import PATCH, World, patch_text


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_first_commit_is_put_in_force_and_journalled(world: World) -> None:
    observed = world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert sync_of(observed)[0] is Sync.SYNCED
    assert permission_of(observed)[0] is Permission.ALLOWED
    assert health_of(observed)[0] is Health.MISSING
    (entry,) = world.entries()
    assert entry.kind is Kind.APPLIED
    assert entry.data["commit"] == world.first
    assert entry.data["overrides_sha"] == world.live_sha()


def test_a_new_commit_replaces_the_live_file_with_the_next_generation(world: World) -> None:
    world.poll()
    commit = world.ask(tail_age_ms=700)
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    last = world.entries()[-1]
    assert (last.data["commit"], last.data["generation"]) == (commit, 2)
    assert last.data["changes"] == [{"name": "tail_age_ms", "old": 650, "new": 700}]


def test_a_commit_without_effect_leaves_the_live_file_alone(world: World) -> None:
    world.poll()
    before = world.state_dir.live.stat().st_mtime_ns
    world.commit({"README.md": b"words\n"})
    observed = world.poll()
    assert sync_of(observed)[0] is Sync.SYNCED
    assert world.state_dir.live.stat().st_mtime_ns == before
    assert world.kinds() == ["applied"]


def test_the_folder_that_is_watched_never_holds_another_file(world: World) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    assert [path.name for path in world.state_dir.live.parent.iterdir()] == ["overrides.json"]


def test_a_value_that_leaves_the_patch_is_stated_as_what_it_falls_back_to(world: World) -> None:
    world.ask(tail_age_ms=650, impact_cap_ratio=0.09)
    world.poll()
    world.ask(tail_age_ms=650)
    world.poll()
    assert world.live()["tail_age_ms"] == 650
    assert world.live()["impact_cap_ratio"] != 0.09


def test_a_change_of_conf_reaches_the_live_file(world: World) -> None:
    world.poll()
    path = "conf/profile/S1.yaml"
    text = world.author.show("main", path)
    assert text is not None
    line = next(row for row in text.decode().splitlines() if row.startswith("min_interval_ms:"))
    world.commit({path: text.replace(line.encode(), b"min_interval_ms: 111")})
    world.poll()
    assert world.live() == {"tail_age_ms": 650, "min_interval_ms": 111}


def test_a_branch_whose_name_holds_slashes_is_followed(world: World) -> None:
    world.agent.observer.branch = "env/team-a/sandbox"
    world.poll()
    assert world.live_sha() is None
    world.author.run("update-ref", "refs/heads/env/team-a/sandbox", world.first)
    world.poll()
    assert world.entries(Kind.APPLIED)[-1].data["commit"] == world.first


@pytest.mark.parametrize(
    "text",
    [
        b"overrides: [",
        b"reason: r\nowner: o\noverrides: {tail_age_ms: 1, tail_age_ms: 2}\n",
        b"reason: r\nowner: o\noverrides: {tail_age_ms: no}\n",
        b"reason: r\nowner: o\noverrides: {impact_cap_ratio: .nan}\n",
        b"reason: r\nowner: o\noverrides: {tail_age_ms: 99999}\n",
        b"reason: r\nowner: o\noverrides: {_target_: os.system}\n",
        b"reason: '${oc.env:SECRET}'\nowner: o\noverrides: {tail_age_ms: 700}\n",
        b"reason: r\nowner: o\noverrides: {exchange.maker_fee_bps: 0.1}\n",
        b"x" * 1_500_000,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 312\n",
        None,
    ],
    ids=["torn", "twice", "no", "nan", "bounds", "target", "secret", "restart", "huge", "pointer", "removed"],
)
def test_what_is_merged_and_wrong_is_refused_once_and_the_last_good_stays(
    world: World, text: bytes | None
) -> None:
    world.poll()
    before = world.live_sha()
    commit = world.commit({PATCH: text})
    observed = world.poll()
    world.poll()
    world.restart()
    world.poll()
    assert world.live_sha() == before
    assert permission_of(observed)[0] is Permission.REFUSED
    assert sync_of(observed)[0] is Sync.OUT_OF_SYNC
    (refused,) = world.entries(Kind.REFUSED)
    assert refused.data["commit"] == commit
    assert str(world.folder) not in refused.data["reason"]
    assert "SECRET" not in refused.data["reason"] or "oc.env" in refused.data["reason"]


def test_a_link_out_of_the_tree_is_refused(world: World) -> None:
    world.poll()
    git = world.author
    oid = git.run("hash-object", "-w", "--stdin", input=b"/etc/passwd").decode().strip()
    tree = git.run("ls-tree", "main:runtime_overrides").decode()
    assert "sandbox.yaml" in tree
    sub = git.run("mktree", input=f"120000 blob {oid}\tsandbox.yaml\n".encode()).decode().strip()
    rows = [r for r in git.run("ls-tree", "main").decode().splitlines() if "runtime_overrides" not in r]
    top = git.run(
        "mktree", input=("\n".join([*rows, f"040000 tree {sub}\truntime_overrides"]) + "\n").encode()
    )
    who = {f"GIT_{r}_{w}": "x" for r in ("AUTHOR", "COMMITTER") for w in ("NAME", "EMAIL")}
    sha = git.run("commit-tree", "-p", "main", "-m", "link", top.decode().strip(), env=who).decode().strip()
    git.run("update-ref", "refs/heads/main", sha)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert "symbolic link" in world.entries(Kind.REFUSED)[0].data["reason"]


def test_after_a_refused_commit_the_next_good_one_is_taken(world: World) -> None:
    world.poll()
    world.commit({PATCH: b"overrides: ["})
    world.poll()
    world.ask(tail_age_ms=720)
    world.poll()
    assert world.live() == {"tail_age_ms": 720}


def test_a_rewritten_branch_is_refused_until_somebody_takes_it(world: World) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    forced = world.commit({PATCH: patch_text(tail_age_ms=800).encode()}, parent=world.first)
    observed = world.poll()
    world.restart()
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    assert "rewritten" in permission_of(observed)[1]
    assert len(world.entries(Kind.REFUSED)) == 1
    world.agent.view.note(Kind.CLEARED, {"accepted": forced, "reason": "we rebased"})
    world.poll()
    assert world.live() == {"tail_age_ms": 800}


def test_the_head_of_the_journal_is_published_as_it_grows(world: World) -> None:
    from framework.gitops.repo.journal_branch import fetch_published

    world.restart(publishes=True)
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    found = fetch_published(world.author, str(world.remote), "sandbox")
    assert found is not None
    assert found.head == world.agent.view.head
