"""The decision table: each row on its own, and a state machine that lives through anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from framework.gitops.agent import decide as table
from framework.gitops.agent.conditions import (
    Health,
    Permission,
    Sync,
    admission_of,
    health_of,
    permission_of,
    sync_of,
)
from framework.gitops.agent.decide import ROWS, Do, clears, decide
from framework.gitops.agent.observed import Bot, Desired, Observed, Rules
from framework.gitops.agent.way_back import rollback_targets
from framework.gitops.desired.history import Drift, History, fold
from framework.holds.hold import Hold
from framework.journal.entry import Kind

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
RULES = Rules(probation_s=60.0, heartbeat_s=10.0, ack_s=10.0, unknown_s=60.0, cooldown_s=600.0)


@dataclass(frozen=True)
class Row:
    """A journal entry as far as folding reads it."""

    seq: int
    at: str
    kind: Kind
    data: dict[str, Any]


class Journal:
    """Entries and what they amount to."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.history = History()

    def note(self, kind: Kind, at: datetime, **data: Any) -> None:
        row = Row(len(self.rows) + 1, at.isoformat(), kind, data)
        self.rows.append(row)
        self.history = fold([row], into=self.history)

    def applied(self, at: datetime, config: str, *, commit: str, cause: str = "commit", **more: Any) -> None:
        kind = Kind.ROLLBACK if cause == "rollback" else Kind.APPLIED
        generation = self.history.next_generation
        data = {"commit": commit, "config_sha": config, "generation": generation, "cause": cause}
        self.note(kind, at, **data, overrides_sha=f"{config}@{generation}", **more)


def in_force(*configs: str) -> History:
    journal = Journal()
    for n, config in enumerate(configs):
        journal.applied(NOW - timedelta(hours=len(configs) - n), config, commit=f"commit-{config}")
    return journal.history


def observed(history: History, **more: Any) -> Observed:
    live = history.applied.overrides_sha if history.applied else None
    base = {"now": NOW, "rules": RULES, "fetched_at": NOW, "live_sha": live}
    return Observed(history=history, **{**base, **more})


def a_bot(
    overrides_sha: str | None,
    *,
    health: str = "healthy",
    since: float = 0.0,
    config_sha: str | None = None,
    **more: Any,
) -> Bot:
    return Bot(
        heartbeat_at=NOW,
        overrides_sha=overrides_sha,
        config_sha=config_sha or (overrides_sha or "").partition("@")[0] or None,
        since=NOW - timedelta(seconds=since),
        health=health,
        started_at=NOW - timedelta(days=1),
        **more,
    )


def a_hold(**more: Any) -> Hold:
    base: dict[str, Any] = {
        "name": "hold-1", "reason": "r", "cause": "operator", "head": "commit-b", "head_config_sha": "b",
        "config_sha": "a", "overrides_sha": "a@1", "quarantined": None, "plain": {},
    }  # fmt: skip
    return Hold(**{**base, **more})


def back_at_a() -> History:
    """Give a history in which an operator went back to the first content and ended the hold."""
    journal = Journal()
    for config, cause in (("a", "commit"), ("b", "commit"), ("a", "rollback")):
        journal.applied(NOW, config, commit=f"commit-{config}", cause=cause)
    return journal.history


def said(history: History, **alerts: str) -> History:
    return replace(history, alerts=alerts)


HELD = replace(in_force("a", "b"), done=frozenset({("hold-1", Kind.HOLD)}))
WENT_BACK = replace(
    back_at_a(), done=frozenset(("hold-1", k) for k in (Kind.HOLD, Kind.ROLLBACK, Kind.QUARANTINED))
)
NO = {"b": "FAIL"}


def asked(commit: str, config: str, **more: Any) -> Desired:
    """Give what a commit asks for, and its promotion a moment ago."""
    return Desired(commit, config, **{"promoted_at": (NOW - timedelta(seconds=1)).isoformat(), **more})


CASES: list[tuple[str, Observed, Do]] = [
    ("nothing is known", observed(History()), Do.WAIT),
    ("a first content", observed(History(), desired=Desired("c", "a", adopted=True)), Do.APPLY),
    ("a first content, promoted", observed(History(), desired=asked("c", "a")), Do.APPLY),
    ("a first content that waits", observed(History(), desired=Desired("c", "a")), Do.WAIT),
    ("the same content", observed(in_force("a"), desired=Desired("c2", "a")), Do.WAIT),
    (
        "a hold that a commit would end, without the lease",
        observed(HELD, hold=a_hold(), desired=asked("c", "b", clears=frozenset({"hold-1"})), restrained="no"),
        Do.WAIT,
    ),
    (
        "another content, without the lease",
        observed(in_force("a"), desired=asked("c", "b"), restrained="no"),
        Do.WAIT,
    ),
    (
        "a safer one, without the lease",
        observed(in_force("a"), desired=Desired("c", "b", reducing=True), restrained="no"),
        Do.APPLY,
    ),
    (
        "a changed file before the published journal was compared",
        observed(replace(in_force("a"), drift=Drift("file", None)), live_sha=None, compared=False),
        Do.WAIT,
    ),
    ("another content", observed(in_force("a"), desired=asked("c", "b")), Do.APPLY),
    ("another that waits", observed(in_force("a"), desired=Desired("c", "b", adopted=True)), Do.WAIT),
    ("another that is safer", observed(in_force("a"), desired=Desired("c", "b", reducing=True)), Do.APPLY),
    (
        "one badly promoted",
        observed(in_force("a"), desired=asked("c", "b", lacks="x")),
        Do.WAIT,
    ),
    ("one that the gate refused", observed(in_force("a"), desired=Desired("c", "b", denied="no")), Do.ALERT),
    (
        "a refused one that is safer",
        observed(said(in_force("a"), refused="no"), desired=Desired("c", "b", denied="no", reducing=True)),
        Do.WAIT,
    ),
    (
        "one that is refused no more",
        observed(said(in_force("a"), refused="no"), desired=asked("c", "b")),
        Do.RESOLVE,
    ),
    ("a wrong commit", observed(in_force("a"), desired=Desired("c", refusal="no")), Do.REFUSE),
    ("frozen", observed(in_force("a"), desired=asked("c", "b", frozen="weekend")), Do.WAIT),
    (
        "frozen, safer",
        observed(in_force("a"), desired=Desired("c", "b", frozen="w", reducing=True)),
        Do.APPLY,
    ),
    ("a hand on the file", observed(in_force("a"), live_sha="x"), Do.NOTE),
    ("a file gone", observed(in_force("a"), live_sha=None), Do.NOTE),
    ("a write cut off", observed(in_force("a"), live_sha="b@2", cut_off="b@2"), Do.FINISH),
    ("a mute remote", observed(in_force("a"), fetch_fault="no answer"), Do.ALERT),
    ("a journal nobody takes", observed(in_force("a"), publish_fault="refused"), Do.ALERT),
    ("a lost store", observed(in_force("a"), restorable=False), Do.ALERT),
    ("an unreadable hold", observed(in_force("a"), hold=a_hold(fault="torn")), Do.ALERT),
    ("a hold not journalled", observed(in_force("a"), hold=a_hold()), Do.SETTLE),
    ("a bot that refuses", observed(in_force("a", "b"), bot=a_bot("a@1", refused_sha="b@2")), Do.ROLLBACK),
    ("a bot that fails", observed(in_force("a", "b"), bot=a_bot("b@2", health="failing")), Do.ROLLBACK),
    ("it fails, alone", observed(in_force("a"), bot=a_bot("a@1", health="failing")), Do.ALERT),
    ("it fails, late", observed(in_force("a", "b"), bot=a_bot("b@2", health="failing", since=90)), Do.WAIT),
    ("it is well", observed(in_force("a"), bot=a_bot("a@1", since=61)), Do.PROVE),
    ("it is well, early", observed(in_force("a"), bot=a_bot("a@1", since=59)), Do.WAIT),
    ("it is another's", observed(in_force("a"), bot=a_bot("x")), Do.NOTE),
    (
        "a patch out of time under a wrong head",
        observed(in_force("a"), desired=Desired("c", refusal="no"), run_out=Desired("commit-a", "b")),
        Do.APPLY,
    ),
    (
        "a patch out of time under a hold",
        observed(
            replace(in_force("a"), done=frozenset({("hold-1", Kind.HOLD)})),
            hold=a_hold(),
            run_out=Desired("commit-a", "b"),
        ),
        Do.APPLY,
    ),
    ("a tightening out of time", observed(in_force("a"), desired=Desired("c", "a", late="ended")), Do.ALERT),
    ("a failure that ended", observed(said(in_force("a"), failing="it fails")), Do.RESOLVE),
    ("under a hold", observed(HELD, hold=a_hold(), desired=asked("c", "z")), Do.WAIT),
    ("a hold that is named", observed(HELD, hold=a_hold(), desired=asked("c", "a")), Do.CLEAR),
    (
        "a hold whose end waits for a window",
        observed(
            WENT_BACK,
            hold=a_hold(quarantined="b"),
            desired=asked("c", "z", frozen="weekend"),
            can_push=False,
        ),
        Do.WAIT,
    ),
    ("a hold whose end waits", observed(HELD, hold=a_hold(), desired=Desired("c", "a")), Do.WAIT),
    (
        "no revert",
        observed(WENT_BACK, hold=a_hold(quarantined="b"), desired=Desired("commit-b", "b")),
        Do.PROPOSE,
    ),
    ("a gate's journal nobody can read", observed(in_force("a"), gate_journal_fault="forced"), Do.ALERT),
    ("revoked", observed(in_force("a", "b"), revoked=NO), Do.ROLLBACK),
    (
        "revoked, words since",
        observed(in_force("a", "b"), desired=Desired("c", "b"), revoked=NO),
        Do.ROLLBACK,
    ),
    (
        "revoked, git asks for another",
        observed(in_force("a", "b"), desired=asked("c", "z"), revoked=NO),
        Do.APPLY,
    ),
    (
        "revoked, the other waits",
        observed(in_force("a", "b"), desired=Desired("c", "z"), revoked=NO),
        Do.ROLLBACK,
    ),
    (
        "revoked, the other is frozen",
        observed(in_force("a", "b"), desired=asked("c", "z", frozen="w"), revoked=NO),
        Do.ROLLBACK,
    ),
    ("an older one revoked", observed(in_force("b", "a"), revoked=NO), Do.WAIT),
    ("revoked, the first of all", observed(in_force("b"), revoked=NO), Do.ALERT),
    ("revoked, all of them", observed(in_force("a", "b"), revoked={**NO, "a": "no"}), Do.ALERT),
    (
        "revoked, it tightens",
        observed(in_force("a", "b"), revoked=NO, stays="it tightens"),
        Do.ALERT,
    ),
    ("revoked and held", observed(HELD, revoked=NO, hold=a_hold()), Do.ALERT),
    ("revoked, gone back to", observed(back_at_a(), revoked={"a": "no"}), Do.ALERT),
    ("revoked no more", observed(said(in_force("a"), revoked="no")), Do.RESOLVE),
    ("revoked, said before", observed(said(in_force("b"), revoked="no"), revoked=NO), Do.WAIT),
    ("an entry that decides nothing", observed(in_force("a"), undecided="x:1: is no decision"), Do.ALERT),
]


@pytest.mark.parametrize(("case", "expected"), [(c, d) for _, c, d in CASES], ids=[n for n, _, _ in CASES])
def test_each_situation_has_its_answer(case: Observed, expected: Do) -> None:
    assert decide(case).do is expected


@pytest.mark.parametrize("name", [name for name, _ in ROWS])
def test_each_row_decides_something(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS", tuple(row for row in ROWS if row[0] != name))
    assert any(decide(case).do is not expected for _, case, expected in CASES)


@pytest.mark.parametrize(
    "more", [{"bot": a_bot("b@2", health="failing")}, {"revoked": NO}], ids=["failing", "revoked"]
)
def test_automatic_rollback_can_be_switched_off(more: dict[str, Any]) -> None:
    case = observed(in_force("a", "b"), rules=replace(RULES, automatic=False), **more)
    assert decide(case).do is Do.ALERT


def test_going_back_skips_what_was_revoked() -> None:
    targets = rollback_targets(in_force("a", "b", "c"), now=NOW, revoked=NO)
    assert [target.config_sha for target in targets] == ["a"]


def test_a_bot_that_fails_after_going_back_is_not_sent_back_further_but_said() -> None:
    journal = Journal()
    for config, cause in (("a", "commit"), ("b", "commit"), ("c", "commit"), ("b", "rollback")):
        journal.applied(NOW, config, commit=f"commit-{config}", cause=cause)
    assert decide(observed(journal.history, bot=a_bot("b@4", health="failing"))).do is Do.ALERT


def test_a_bot_has_its_time_to_answer_from_when_it_is_first_heard() -> None:
    """Its start lies long before its first word: it compiles first."""
    bot = replace(a_bot("a"), overrides_sha=None, config_sha=None, started_at=NOW - timedelta(seconds=90))
    seen = observed(in_force("a"), bot=bot, live_sha=in_force("a").trail[-1].overrides_sha)
    assert decide(replace(seen, bot_heard=NOW - timedelta(seconds=5))).do is not Do.NOTE
    assert decide(replace(seen, bot_heard=NOW - timedelta(seconds=11))).do is Do.NOTE


def test_rows_have_names_of_their_own() -> None:
    assert len({name for name, _ in ROWS}) == len(ROWS)


def test_sync_health_and_permission_are_three_answers() -> None:
    case = observed(
        in_force("a"), desired=Desired("c", "b", frozen="weekend"), bot=a_bot("a@1", health="degraded")
    )
    assert (sync_of(case)[0], health_of(case)[0], permission_of(case)[0]) == (
        Sync.OUT_OF_SYNC,
        Health.DEGRADED,
        Permission.FROZEN,
    )


def test_a_field_that_waits_until_flat_is_named() -> None:
    case = observed(in_force("a"), desired=Desired("c", "a"), bot=a_bot("a@1", pending=("sizing.leverage",)))
    assert sync_of(case) == (Sync.SYNCED, "waits until flat: sizing.leverage")


def test_a_field_that_needs_a_restart_is_out_of_sync_until_the_bot_has_been_restarted() -> None:
    journal = Journal()
    journal.applied(NOW, "a", commit="commit-a", restart=["exchange.maker_fee_bps"])
    case = observed(journal.history, desired=Desired("c", "a"), bot=a_bot("a@1"))
    assert sync_of(case) == (Sync.OUT_OF_SYNC, "a restart is needed for exchange.maker_fee_bps")
    again = replace(a_bot("a@1"), started_at=NOW + timedelta(seconds=1))
    assert sync_of(replace(case, bot=again))[0] is Sync.SYNCED


def test_a_branch_not_read_for_long_is_not_known() -> None:
    case = observed(in_force("a"), desired=Desired("commit-a", "a"), fetched_at=NOW - timedelta(seconds=61))
    assert sync_of(case)[0] is Sync.UNKNOWN


def test_a_silent_bot_is_stale_and_an_unknown_word_is_failing() -> None:
    silent = replace(a_bot("a@1"), heartbeat_at=NOW - timedelta(seconds=11))
    assert health_of(observed(in_force("a"), bot=silent))[0] is Health.STALE
    assert health_of(observed(in_force("a"), bot=a_bot("a@1", health="fine?")))[0] is Health.FAILING


@pytest.mark.parametrize(
    ("desired", "ends"),
    [
        (Desired("commit-b", "a"), False),
        (Desired("c", "b"), False),
        (Desired("c", "a"), True),
        (Desired("c", "b", clears=frozenset({"hold-1"})), True),
        (Desired("c", "a", refusal="no"), False),
        (Desired("c", "z"), False),
    ],
    ids=[
        "the same head",
        "the same content",
        "what is held",
        "named",
        "wrong",
        "another, nothing quarantined",
    ],
)
def test_what_ends_a_hold(desired: Desired, ends: bool) -> None:
    assert bool(clears(a_hold(), desired)) is ends


def test_after_going_back_any_other_content_ends_the_hold() -> None:
    assert clears(a_hold(quarantined="b"), Desired("c", "z"))
    assert not clears(a_hold(quarantined="b"), Desired("c", "b"))


def test_going_back_skips_quarantined_and_equal_contents() -> None:
    journal = Journal()
    for config in ("a", "b", "c", "c"):
        journal.applied(NOW, config, commit=f"commit-{config}")
    until = (NOW + timedelta(hours=1)).isoformat()
    journal.note(Kind.QUARANTINED, NOW, config_sha="b", commit="commit-b", until=until, reason="bad")
    targets = rollback_targets(journal.history, now=NOW)
    assert [target.config_sha for target in targets] == ["a"]


class Life(RuleBasedStateMachine):
    """A branch, a bot, hands and time; the agent acts as the real one does, on the same decisions."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.journal = Journal()
        self.live: str | None = None
        self.head: Desired | None = None
        self.commits = 0
        self.hold: Hold | None = None
        self.bot: Bot | None = None
        self.attempts: dict[str, int] = {}

    @initialize()
    def begin(self) -> None:
        self._commit("a", "")

    @rule(
        config=st.sampled_from("abcd"),
        refusal=st.sampled_from(["", "", "", "unsigned"]),
        frozen=st.booleans(),
        promoted=st.booleans(),
    )
    def somebody_commits(self, config: str, refusal: str, frozen: bool, promoted: bool) -> None:
        self._commit(config, refusal, frozen="weekend" if frozen else "", promoted=promoted)

    @rule()
    def the_gate_promotes(self) -> None:
        if self.head is not None and not self.head.refusal:
            self.head = replace(self.head, promoted_at=self.now.isoformat(), denied="")
            self._agent()

    @rule()
    def the_gate_refuses(self) -> None:
        if self.head is not None and not self.head.refusal:
            self.head = replace(self.head, denied="worse", promoted_at="")
            self._agent()

    @rule(seconds=st.sampled_from([1, 15, 70, 700]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self._agent()

    @rule(health=st.sampled_from(["healthy", "degraded", "failing"]), how=st.sampled_from("frs"))
    def the_bot_speaks(self, health: str, how: str) -> None:
        old = self.bot
        follows = how == "f" and self.live is not None and "@" in self.live
        sha = self.live if follows else (old.overrides_sha if old else None)
        since = old.since if old and old.overrides_sha == sha else self.now
        started = old.started_at if old else self.now
        refused = self.live if how == "r" else None
        config = sha.partition("@")[0] if sha else None
        self.bot = Bot(self.now, sha, config, since, health, started_at=started, refused_sha=refused)
        self._agent()

    @rule(what=st.sampled_from(["x", None]))
    def somebody_edits_the_live_file(self, what: str | None) -> None:
        self.live = what
        self._agent()

    @rule()
    def an_operator_goes_back(self) -> None:
        if self.journal.history.applied and rollback_targets(self.journal.history, now=self.now):
            self._go_back("operator")
            self._agent()

    @rule()
    def an_operator_holds(self) -> None:
        applied, head = self.journal.history.applied, self.head
        if self.hold is None and applied is not None and head is not None:
            name = f"hold-{len(self.journal.rows)}"
            self.journal.note(Kind.HOLD, self.now, hold=name)
            self.hold = a_hold(
                name=name, head=head.commit, head_config_sha=head.config_sha, config_sha=applied.config_sha
            )
            self._agent()

    @rule()
    def an_operator_releases(self) -> None:
        if self.hold is not None:
            self.journal.note(Kind.CLEARED, self.now, hold=self.hold.name, cause="release")
            self.hold = None
            self._agent()

    @invariant()
    def the_live_file_is_what_the_journal_says(self) -> None:
        applied = self.journal.history.applied
        if applied is not None and self.hold is None:
            assert self.live == applied.overrides_sha

    @invariant()
    def generations_only_grow(self) -> None:
        found = [item.generation for item in self.journal.history.trail]
        assert found == list(range(1, len(found) + 1))

    @invariant()
    def a_commit_is_refused_once(self) -> None:
        refused = [row.data["commit"] for row in self.journal.rows if row.kind is Kind.REFUSED]
        assert len(refused) == len(set(refused))

    @invariant()
    def what_git_asks_for_is_in_force_unless_something_forbids_it(self) -> None:
        look = self._seen()
        if self.head is not None and permission_of(look)[0] is Permission.ALLOWED:
            applied = self.journal.history.applied
            assert applied is not None
            assert applied.config_sha == self.head.config_sha

    @invariant()
    def a_hold_that_a_commit_ends_has_ended(self) -> None:
        admitted = self.head is not None and admission_of(self._seen(), self.head)[0] is Permission.ALLOWED
        if self.hold is not None and self.head is not None and admitted:
            assert not clears(self.hold, self.head)

    @invariant()
    def whatever_went_back_is_proposed_to_git(self) -> None:
        if self.hold is not None and self.hold.quarantined is not None:
            assert (self.hold.name, Kind.PROPOSED) in self.journal.history.done

    @invariant()
    def an_alert_of_a_bad_content_ends_with_it(self) -> None:
        if "failing" in self.journal.history.alerts:
            assert self.bot is not None
            assert self.bot.health == "failing" or self.bot.refused_sha is not None

    @invariant()
    def nothing_is_left_to_do(self) -> None:
        assert decide(self._seen()).do is Do.WAIT

    def _commit(self, config: str, refusal: str, frozen: str = "", promoted: bool = True) -> None:
        self.commits += 1
        self.head = Desired(
            f"commit-{self.commits}",
            "" if refusal else config,
            refusal=refusal,
            frozen=frozen,
            promoted_at=self.now.isoformat() if promoted else "",
        )
        self._agent()

    def _seen(self) -> Observed:
        return Observed(
            now=self.now,
            history=self.journal.history,
            rules=RULES,
            desired=self.head,
            fetched_at=self.now,
            hold=self.hold,
            live_sha=self.live,
            bot=self.bot,
        )

    def _agent(self) -> None:
        for _ in range(24):
            look = self._seen()
            action = decide(look)
            if action.do is Do.WAIT:
                return
            self._act(action, look)
        raise AssertionError(f"no end: {action}")

    def _act(self, action: Any, look: Observed) -> None:
        note, history = self.journal.note, self.journal.history
        match action.do:
            case Do.APPLY:
                assert self.head is not None
                assert self.hold is None, "nothing is applied under a hold"
                assert not self.head.refusal
                assert not self.head.frozen
                assert self.head.promoted_at, "nothing is applied that nobody let in"
                assert not self.head.denied
                bad = history.quarantined(
                    config_sha=self.head.config_sha, commit=self.head.commit, now=self.now
                )
                assert bad is None, "a quarantined content is not applied"
                assert self.head.commit not in history.refused
                health = health_of(look)[0].value.lower()
                self.journal.applied(
                    self.now, self.head.config_sha, commit=self.head.commit, bot_health=health
                )
                self._restore()
            case Do.REFUSE:
                note(
                    Kind.REFUSED,
                    self.now,
                    commit=look.desired.commit if look.desired else "",
                    reason=action.why,
                )
            case Do.NOTE:
                note(Kind.DRIFT, self.now, where=action.drift.where, found=action.drift.found)
            case Do.REPAIR:
                assert self.hold is None or self.live == (history.applied and history.applied.overrides_sha)
                self._restore()
                note(Kind.REPAIRED, self.now)
            case Do.RESTORE:
                assert self.hold is None
                self._restore()
            case Do.ALERT:
                note(Kind.ALERT, self.now, topic=action.topic, text=action.why)
            case Do.RESOLVE:
                note(Kind.ALERT, self.now, topic=action.topic, text="", resolved=True)
            case Do.PROVE:
                note(Kind.VERDICT, self.now, subject="probation", verdict="PASS", config_sha=action.topic)
            case Do.CLEAR:
                assert self.hold is not None
                note(Kind.CLEARED, self.now, hold=self.hold.name, cause=action.why)
                self.hold = None
            case Do.PROPOSE:
                assert self.hold is not None
                note(Kind.PROPOSED, self.now, hold=self.hold.name)
            case Do.ROLLBACK:
                assert self.hold is None
                self._go_back("automatic")
            case other:
                raise AssertionError(f"nothing was cut off, yet: {other}")

    def _go_back(self, cause: str) -> None:
        history = self.journal.history
        bad, target = history.applied, rollback_targets(history, now=self.now)[0]
        assert bad is not None
        if self.hold is not None:
            self.journal.note(Kind.CLEARED, self.now, hold=self.hold.name, cause="superseded")
        name = f"hold-{len(self.journal.rows)}"
        self.journal.applied(self.now, target.config_sha, commit=target.commit, cause="rollback", hold=name)
        until = (self.now + timedelta(seconds=RULES.cooldown_s)).isoformat()
        quarantined = {"config_sha": bad.config_sha, "commit": bad.commit, "until": until, "reason": cause}
        self.journal.note(Kind.QUARANTINED, self.now, hold=name, **quarantined)
        self.journal.note(Kind.HOLD, self.now, hold=name)
        head = self.head
        self.hold = a_hold(
            name=name,
            cause=cause,
            head=head.commit if head else None,
            head_config_sha=head.config_sha if head else None,
            config_sha=target.config_sha,
            quarantined=bad.config_sha,
        )
        self._restore()

    def _restore(self) -> None:
        applied = self.journal.history.applied
        self.live = applied.overrides_sha if applied is not None else None


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
