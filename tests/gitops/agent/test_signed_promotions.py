"""Where the policy asks for it, a promotion counts by the signature of somebody it names alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from framework.gitops.agent.conditions import Permission, permission_of
from framework.gitops.agent.operator import release_environment
from framework.gitops.desired.environment_revision import read_revision
from framework.gitops.errors import GitopsError
from framework.gitops.repo.entry_signatures import sign_entry
from framework.gitops.repo.journal_branch import append_published, fetch_published
from framework.journal import segments
from framework.journal.entry import Kind
from framework.journal.journal import utc_now
from tests.gitops.agent_cases import World, keygen, patch_text

POLICY = "gitops/policy.yaml"
PATCH = "runtime_overrides/paper.yaml"
NAMESPACES = "git,quoteops-journal"


class Desk:
    """A paper environment whose policy names one key that may promote."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, environment="paper", promotes=False)
        self.key, self.line = keygen(folder, "gate", NAMESPACES)
        self.stranger, self.strange_line = keygen(folder, "stranger", NAMESPACES)
        self.committer, committer_line = keygen(folder, "committer")
        self.first = self.policy("signers: []", f"signers: ['{self.line}', '{committer_line}']")
        checkout = read_revision(self.world.author, commit=self.first, environment="paper")
        self.world.restart(bootstrap=checkout)
        self.world.promote(self.first, key=self.key)
        self.world.poll()

    def policy(self, old: str, new: str) -> str:
        """Commit an edit of the policy."""
        text = (self.world.author.show("main", POLICY) or b"").decode()
        assert old in text
        return self.world.commit({POLICY: text.replace(old, new).encode()})

    def ask(self, **values: float) -> str:
        return self.world.commit({PATCH: patch_text(**values).encode()})

    def permission(self) -> tuple[Permission, str]:
        return permission_of(self.world.poll())

    def waiting(self) -> str:
        """Give why what was asked for last waits."""
        permission, text = self.permission()
        assert permission is Permission.WAITING
        return text

    def append(self, kind: Kind, data: dict[str, object]) -> None:
        """Write an entry as whoever may push to the journal's branch can."""
        world = self.world
        append_published(world.author, str(world.remote), "paper.gate", [(kind, data)], now=lambda: world.now)

    def decisions(self) -> list[dict[str, object]]:
        found = fetch_published(self.world.author, str(self.world.remote), "paper.gate")
        return [] if found is None else [dict(entry.data) for entry in found.entries]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    assert found.world.live_sha() is not None, "the first content is let in by its signed promotion"
    return found


def test_a_signed_promotion_lets_in(desk: Desk) -> None:
    commit = desk.ask(tail_age_ms=700)
    assert desk.permission()[0] is Permission.WAITING
    desk.world.promote(commit, key=desk.key)
    assert desk.permission()[0] is Permission.ALLOWED
    assert desk.world.live()["tail_age_ms"] == 700


@pytest.mark.parametrize(
    ("signer", "why"),
    [
        ("nobody", "is not signed"),
        ("stranger", "No principal matched"),
        ("committer", "not permitted"),
    ],
)
def test_a_promotion_by_anybody_else_lets_nothing_in(desk: Desk, signer: str, why: str) -> None:
    commit = desk.ask(tail_age_ms=700)
    desk.world.promote(commit, key=getattr(desk, signer, None))
    text = desk.waiting()
    assert "waiting for promotion" in text
    assert why in text


@pytest.mark.parametrize("name", ["config_sha", "environment", "commit", "base_config_sha"])
def test_what_was_signed_cannot_be_changed(desk: Desk, name: str) -> None:
    desk.world.promote(desk.ask(tail_age_ms=690), key=desk.key)
    commit = desk.ask(tail_age_ms=700)
    desk.world.promote(commit)
    wanted = desk.decisions()[-1]
    signed = {**desk.decisions()[-2], name: wanted.get(name, "0" * 64), "config_sha": wanted["config_sha"]}
    desk.append(Kind.PROMOTED, signed)
    assert "does not count" in desk.waiting()


def test_an_old_promotion_said_again_after_a_refusal_is_nobody_s(desk: Desk) -> None:
    commit = desk.ask(tail_age_ms=700)
    desk.world.promote(commit, key=desk.key)
    old = desk.decisions()[-1]
    desk.world.promote(commit, Kind.REFUSED, verdict="FAIL", sentence="worse")
    desk.append(Kind.PROMOTED, old)
    assert desk.permission()[0] is Permission.REFUSED
    assert desk.world.live()["tail_age_ms"] != 700


def test_a_signed_verdict_is_no_promotion(desk: Desk) -> None:
    commit = desk.ask(tail_age_ms=700)
    desk.world.promote(commit, Kind.VERDICT, key=desk.key)
    data = desk.decisions()[-1]
    desk.append(Kind.PROMOTED, data)
    assert "another entry's" in desk.waiting()


def test_the_signature_of_another_environment_lets_nothing_in(desk: Desk) -> None:
    commit = desk.ask(tail_age_ms=700)
    desk.world.promote(commit, key=desk.key, environment="production")
    assert "another environment's" in desk.waiting()


def test_a_key_that_was_revoked_counts_no_more(desk: Desk) -> None:
    public = " ".join(desk.key.with_suffix(".pub").read_text().split()[:2])
    commit = desk.policy("revoked_keys: []", f"revoked_keys: ['{public}']")
    desk.world.promote(commit, key=desk.key)
    assert desk.permission()[0] is Permission.ALLOWED
    later = desk.ask(tail_age_ms=700)
    desk.world.promote(later, key=desk.key)
    assert "its key was revoked" in desk.waiting()


def test_a_push_does_not_name_its_own_signers(desk: Desk) -> None:
    desk.policy(desk.line, desk.strange_line)
    assert desk.permission()[0] is Permission.ALLOWED  # what trades is the same
    commit = desk.ask(tail_age_ms=700)
    desk.world.promote(commit, key=desk.stranger)
    assert desk.permission()[0] is Permission.WAITING
    desk.world.promote(commit, key=desk.key)
    assert desk.permission()[0] is Permission.ALLOWED
    assert desk.world.live()["tail_age_ms"] == 700


def test_whom_a_promoted_policy_names_may_sign_after_the_settle_time(desk: Desk) -> None:
    desk.world.now = utc_now() + timedelta(seconds=1)  # commits bear the machine's time
    commit = desk.policy(desk.line, f"{desk.line}', '{desk.strange_line}")
    desk.world.promote(commit, key=desk.key, trust=True)
    desk.permission()
    later = desk.ask(tail_age_ms=700)
    desk.world.promote(later, key=desk.stranger)
    permission, text = desk.permission()
    assert permission is Permission.WAITING
    assert "No principal matched" in text
    desk.world.now += timedelta(hours=169)
    assert desk.permission()[0] is Permission.ALLOWED
    desk.policy(f"'{desk.line}', ", "")
    desk.world.promote(desk.world.author.rev("main"), key=desk.stranger, trust=True)
    desk.permission()
    desk.world.promote(desk.ask(tail_age_ms=710), key=desk.key)
    assert desk.permission()[0] is Permission.WAITING, "who is named no more counts no more at once"


@pytest.mark.parametrize("how", ["signers", "unsigned", "beside a value"])
def test_who_may_promote_is_changed_by_no_promotion_but_one_that_says_so(desk: Desk, how: str) -> None:
    if how == "unsigned":
        commit = desk.policy("promotion_signed: true", "promotion_signed: false")
    else:
        commit = desk.policy(desk.line, desk.strange_line)
    if how == "beside a value":
        commit = desk.ask(tail_age_ms=690)
    desk.world.promote(commit, key=desk.key)
    desk.permission()
    later = desk.ask(tail_age_ms=700)
    desk.world.promote(later, key=None if how == "unsigned" else desk.stranger)
    assert desk.permission()[0] is Permission.WAITING


def test_where_a_key_is_lost_an_operator_says_whose_policy_counts(desk: Desk) -> None:
    commit = desk.policy(desk.line, desk.strange_line)
    desk.permission()
    desk.world.restart()
    release_environment(desk.world.agent, reason="the key is lost", policy=commit)
    for value in (700, 710):
        later = desk.ask(tail_age_ms=value)
        desk.world.promote(later, key=desk.stranger)
        assert desk.permission()[0] is Permission.ALLOWED
        desk.world.restart()
    with pytest.raises(GitopsError, match="is no commit of the branch"):
        release_environment(desk.world.agent, reason="x", policy="short")


def test_a_key_is_revoked_as_soon_as_the_branch_says_so(desk: Desk) -> None:
    public = " ".join(desk.key.with_suffix(".pub").read_text().split()[:2])
    desk.policy("revoked_keys: []", f"revoked_keys: ['{public}']")
    later = desk.ask(tail_age_ms=700)
    desk.world.promote(later, key=desk.key)
    assert "its key was revoked" in desk.waiting()


def test_what_is_signed_stands_where_it_was_written(desk: Desk) -> None:
    world = desk.world
    commit = desk.ask(tail_age_ms=700)
    world.promote(commit)
    data = desk.decisions()[-1]
    signed = sign_entry(Kind.PROMOTED, data, after="0" * 64, at=world.now, key=desk.key)
    desk.append(Kind.PROMOTED, signed)
    assert "copied from elsewhere" in desk.waiting()


def test_what_is_refused_needs_no_signature_to_be_refused(desk: Desk) -> None:
    commit = desk.ask(tail_age_ms=700)
    desk.world.promote(commit, key=desk.key)
    desk.world.promote(commit, Kind.REFUSED, verdict="FAIL", sentence="worse")
    assert desk.permission()[0] is Permission.REFUSED


def test_a_promotion_that_begins_a_segment_counts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1_000)
    for value in (690, 700, 710, 720):
        desk.world.promote(desk.ask(tail_age_ms=value), key=desk.key)
        assert desk.permission()[0] is Permission.ALLOWED
        assert desk.world.live()["tail_age_ms"] == value
    desk.world.restart()
    assert desk.permission()[0] is Permission.ALLOWED
    files = desk.world.author.files("quoteops/journal")
    assert [path for path in files if path.startswith("paper.gate.segments/")]


@pytest.mark.parametrize("how", ["its state is lost", "an operator takes the branch"])
def test_neither_a_lost_state_nor_an_operator_lets_a_push_name_its_signers(desk: Desk, how: str) -> None:
    policy = (desk.world.author.show("main", POLICY) or b"").decode().replace(desk.line, desk.strange_line)
    safer = {PATCH: patch_text(tail_age_ms=650, base_spread_bps_delta=0.5).encode()}
    commit = desk.world.commit({POLICY: policy.encode(), **safer}, parent=desk.world.first)
    if how == "an operator takes the branch":
        desk.permission()
        desk.world.agent.view.note(Kind.CLEARED, {"accepted": commit, "reason": "rebased", "by": "ann"})
    else:
        desk.world.commit({POLICY: policy.encode(), **safer}, parent=desk.first)
    desk.permission()
    desk.world.state_dir.state.unlink()
    desk.world.restart()
    later = desk.ask(tail_age_ms=700)
    desk.world.promote(later, key=desk.stranger)
    assert desk.permission()[0] is Permission.WAITING
