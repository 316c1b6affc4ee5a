"""Patches that come while a soak runs: what each changes, when it takes effect, and what it must wait for.

A patch is the whole of what is overridden, as its file is: a name it no longer holds goes back to what the
configuration says without it. When a change takes effect is its field's reload class:

hot        with the next tick, which amends or cancels the orders it makes wrong
next_quote with the next order: a resting one keeps what it was placed with until its price changes
flat_only  once the position is nothing, looked at every tenth of a second of tape
restart    never here: the patch is refused

The same function serves both sources: a file watched under the wall clock and a schedule of instants of the
tape. Everything is decided by tape time, so that a schedule repeats what a watched file did, byte for byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from framework.errors import QuoteopsError
from framework.quoting.records import FOREVER
from framework.settings.admit import Patched, admit
from framework.settings.errors import ConfigError
from framework.settings.fields import path_of, value_at
from framework.settings.overrides import Change, Patch, changes_between
from framework.settings.provenance import Layer, Source
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.run import RunSettings
from framework.settings.validate import shown_value, validated
from framework.tuning.params import TuningParams
from framework.units import SECOND

if TYPE_CHECKING:
    from framework.settings.watch import Fault, OverridesWatcher, Snapshot

GRID_NS = 100_000_000
"""How often, in tape time, a waiting change asks whether the position is nothing."""
APPLIED, PENDING, REFUSED, RECOVERED = "APPLIED", "PENDING", "REFUSED", "RECOVERED"
TAKEN_BACK = "TAKEN_BACK"
MODE = "rollout.mode"
TUNED = tuple(RuntimeParams.model_fields)


@dataclass(frozen=True)
class Decision:
    """What a patch does to the settings in force: all of it, and what may be done before it is flat."""

    basis: RunSettings
    target: RunSettings
    staged: RunSettings
    changes: tuple[Change, ...]
    waiting: tuple[Change, ...]
    refused: str = ""


@dataclass(frozen=True)
class Offer:
    """A patch as it was read, the SHA-256 of its bytes, and what it would do when it was.

    A ``partial`` one, the run's own, sets its values over what is in force and replaces no other.
    """

    patch: Patch
    sha: str
    decision: Decision | None = None
    partial: bool = False


@dataclass(frozen=True)
class Reload:
    """What became of a patch at an instant of the tape (ns)."""

    at_ns: int
    result: str
    config_sha: str
    overrides_sha: str
    patch: Patch | None
    fields: tuple[str, ...] = ()
    why: str = ""
    moved: tuple[Change, ...] = ()

    @property
    def commit(self) -> str:
        """Return the commit the patch was rendered from."""
        return self.patch.commit if self.patch is not None else ""

    def marker(self) -> str:
        """Say it on one line."""
        if self.result == TAKEN_BACK:
            return f"| rollout_guard | MODE_SWITCH | canary to disabled: {self.why} |"
        if self.result == REFUSED:
            return f"| reload | {REFUSED} | overrides_sha={self.overrides_sha[:12] or 'none'} {self.why} |"
        named = ",".join(self.fields) or "none"
        words = f"commit={self.commit[:12] or 'none'} config_sha={self.config_sha[:12]} fields={named}"
        moved = ", ".join(
            f"{one.name} {shown_value(one.old)} -> {shown_value(one.new)}" for one in self.moved
        )
        return f"| reload | {self.result} | {words} |" + (f" {moved} |" if moved else "")

    def row(self, *, start_ns: int) -> dict[str, Any]:
        """Give it as a row of soak/reloads.jsonl."""
        return {
            "at_ns": self.at_ns,
            "after_s": (self.at_ns - start_ns) / SECOND,
            "result": self.result,
            "config_sha": self.config_sha,
            "overrides_sha": self.overrides_sha,
            "commit": self.commit,
            "fields": list(self.fields),
            "reason": self.patch.reason if self.patch is not None else "",
            "owner": self.patch.owner if self.patch is not None else "",
            "why": self.why,
        }


@dataclass
class Schedule:
    """Offers by the instant of the tape (ns) at which they come, in order."""

    entries: tuple[tuple[int, Offer], ...] = ()
    done: int = 0

    def take(self, at_ns: int) -> Offer | None:
        """Give the next offer due by an instant, once."""
        if self.next_ns > at_ns:
            return None
        self.done += 1
        return self.entries[self.done - 1][1]

    def insert(self, at_ns: int, offer: Offer) -> None:
        """Add an offer before those that come later."""
        late = [k for k in range(self.done, len(self.entries)) if self.entries[k][0] > at_ns]
        place = late[0] if late else len(self.entries)
        self.entries = (*self.entries[:place], (at_ns, offer), *self.entries[place:])

    @property
    def next_ns(self) -> int:
        """Give when the next offer comes."""
        return self.entries[self.done][0] if self.done < len(self.entries) else FOREVER


def decide(*, basis: RunSettings, full: RunSettings, names: frozenset[str]) -> Decision:
    """Decide what the named values of ``full`` change in ``basis``, the settings in force."""
    try:
        target, changes = full, changes_between(basis, full)
        if not names.issuperset(change.name for change in changes):  # the tuner has moved others meanwhile
            target = with_values(basis, {name: value_at(full, name) for name in sorted(names)})
            changes = changes_between(basis, target)
        waiting = tuple(change for change in changes if change.reload == "flat_only")
        now = {change.name: change.new for change in changes if change not in waiting}
        staged = with_values(basis, now) if waiting else target
    except QuoteopsError as error:
        return Decision(basis, basis, basis, (), (), str(error))
    return Decision(basis, target, staged, changes, waiting)


def with_values(settings: RunSettings, values: Mapping[str, Any]) -> RunSettings:
    """Give settings with values by the names of patches, validated as a whole. Raises ConfigError."""
    if not values:
        return settings
    data = settings.model_dump(mode="json")
    for name, value in values.items():
        *groups, last = path_of(name)
        here = data
        for group in groups:
            here = here[group]
        here[last] = value
    return validated(RunSettings, data, locate=lambda path: Source(Layer.OVERRIDES, "patch", ".".join(path)))


def with_package(settings: RunSettings, package: TuningParams) -> RunSettings:
    """Give the settings with the package in force; its bounds are checked again."""
    return settings.replaced({"params": RuntimeParams.model_validate(package.mapping())})


def package_of(settings: RunSettings) -> TuningParams:
    """Give the run-time parameters of settings as the tuner's package."""
    return TuningParams(**settings.params.model_dump())


Listener = Callable[[Reload, "Snapshot[Offer] | None"], None]


@dataclass
class LiveSettings:
    """The settings in force, what waits, and every patch that came; without a source it changes nothing.

    ``patched`` composes a patch, ``named`` are the names the start's overrides hold. ``listeners``
    hear of each reload at once.
    """

    settings: RunSettings
    patched: Patched | None = None
    schedule: Schedule = field(default_factory=Schedule)
    watcher: OverridesWatcher[Offer] | None = None
    named: frozenset[str] = frozenset()
    listeners: list[Listener] = field(default_factory=list)
    waiting: tuple[Change, ...] = ()
    frozen: dict[str, float] = field(default_factory=dict)
    log: list[Reload] = field(default_factory=list)
    offers: list[tuple[int, Offer]] = field(default_factory=list)
    in_force: Reload | None = None
    barred: dict[str, Any] | None = None
    """The candidate that the rollout guard has taken back."""
    refused: Reload | None = None
    _rebased: list[dict[str, float]] = field(default_factory=list)
    start: RunSettings = field(init=False)
    named_at_start: frozenset[str] = field(init=False)
    _seen: Snapshot[Offer] | None = None
    _fault: Fault | None = None

    def __post_init__(self) -> None:
        self.start, self.named_at_start = self.settings, self.named

    def again(self) -> LiveSettings:
        """Give live settings to which the same patches come at the same instants, from the start."""
        entries = tuple((at_ns, replace(offer, decision=None)) for at_ns, offer in self.offers)
        return LiveSettings(self.start, self.patched, Schedule(entries), named=self.named_at_start)

    def adopt(self, package: TuningParams) -> TuningParams:
        """Put a package in force but for what patches have fixed; give what is then in force."""
        fixed = TuningParams(**{**package.mapping(), **self.frozen})  # type: ignore[arg-type]
        if fixed != package_of(self.settings):
            self.settings = with_package(self.settings, fixed)
        return fixed

    def rebased(self) -> list[dict[str, float]]:
        """Give, once, the tuned parameters that patches have set since the last time."""
        values, self._rebased = self._rebased, []
        return values

    def poll(self, at_ns: int, *, flat: Callable[[], bool]) -> bool:
        """Take what is due once the tape is played up to an instant; True when settings change after it."""
        before = self.settings
        while (offer := self.schedule.take(at_ns + 1)) is not None:
            self._take(offer, at_ns + 1, None)
        if self.watcher is not None:
            latest, fault = self.watcher.latest, self.watcher.fault
            if latest is not self._seen:
                self._seen = latest
                assert latest is not None
                self._take(latest.value, at_ns + 1, latest)
            if fault is not self._fault:
                self._fault = fault
                self._faulted(fault, at_ns + 1)
        if self.waiting and (at_ns + 1) % GRID_NS == 0 and flat():
            self._release(at_ns + 1)
        return self.settings is not before

    def limit(self, at_ns: int) -> int:
        """Give how far (ns) the tape may be played before the next poll."""
        scheduled = self.schedule.next_ns - 1
        if not self.waiting:
            return scheduled
        return min(scheduled, (at_ns + 1) // GRID_NS * GRID_NS + GRID_NS - 1)

    def offer(self, text: str, *, where: str, sha: str) -> Offer:
        """Judge the text of a watched file and decide it against what is in force; raises ConfigError."""
        assert self.patched is not None
        patch, full = admit(
            text, where=where, json=not where.endswith(".yaml"), patched=self.patched
        ).unwrap()
        decision = self._decided(patch, full)
        if decision.refused:
            raise ConfigError(decision.refused)
        return Offer(patch, sha, decision)

    def take_back(self, at_ns: int, why: str) -> None:
        """Let the baseline trade alone from an instant on, and this candidate not again.

        What asked for it counts as refused, so that whoever keeps the file goes back from it too.
        """
        self.settings = with_values(self.settings, {MODE: "disabled"})
        self.barred = self.settings.rollout.candidate
        last = self.in_force
        sha, patch = ("", None) if last is None else (last.overrides_sha, last.patch)
        reload = Reload(at_ns, TAKEN_BACK, self.settings.config_sha, sha, patch, (MODE,), why)
        self.refused = reload if sha else self.refused
        self._log(reload, None)

    def _decide(self, patch: Patch, *, partial: bool = False) -> Decision:
        if partial:
            over = with_values(self.settings, patch.values)
            return decide(basis=self.settings, full=over, names=frozenset(patch.values))
        assert self.patched is not None
        try:
            return self._decided(patch, self.patched(patch))
        except QuoteopsError as error:
            return Decision(self.settings, self.settings, self.settings, (), (), str(error))

    def _decided(self, patch: Patch, full: RunSettings) -> Decision:
        """Decide what a patch does to what is in force; ``full`` is what it asks for."""
        tried = full.rollout.candidate
        if tried is not None and tried == self.barred and full.rollout.mode != "disabled":
            full = with_values(full, {MODE: "disabled"})
        return decide(basis=self.settings, full=full, names=self.named | frozenset(patch.values))

    def _take(self, offer: Offer, at_ns: int, snapshot: Snapshot[Offer] | None) -> None:
        decision = offer.decision
        if decision is None or decision.basis is not self.settings:  # something else changed meanwhile
            decision = self._decide(offer.patch, partial=offer.partial)
        self.offers.append((at_ns, offer))
        if decision.refused:
            self.refused = self._note(at_ns, REFUSED, offer, (), decision.refused, snapshot)
            return
        # The first look at a watched file is mostly at what the run was composed from: no news.
        known = snapshot is not None and snapshot.generation == 1 and not decision.changes
        if offer.partial:
            self.settings = decision.staged
            self._note(at_ns, APPLIED, offer, decision.changes, "", None)
            return
        self.settings, self.waiting, self.refused = decision.staged, decision.waiting, None
        names = self.named | frozenset(offer.patch.values)
        changed = {change.name for change in decision.changes}
        # While a candidate is out nothing is tuned: what is tried stays what it is.
        out = decision.target.rollout.mode != "disabled"
        fixed = [n for n in TUNED if out or n in offer.patch.values or (n in names and n in changed)]
        if fixed and not known:
            values = {name: float(value_at(self.settings, name)) for name in fixed}
            self.frozen |= {name: value_at(self.settings, name) for name in fixed}
            self._rebased.append(values)
        self.named = frozenset(offer.patch.values)
        now = tuple(change for change in decision.changes if change not in decision.waiting)
        if now or not decision.waiting:
            self.in_force = self._note(at_ns, APPLIED, offer, now, "", snapshot, quiet=known)
        if decision.waiting:
            why = "waits until the position is nothing"
            pending = self._note(at_ns, PENDING, offer, decision.waiting, why, snapshot)
            self.in_force = self.in_force if now else pending

    def _release(self, at_ns: int) -> None:
        """Put what waited in force: the position is nothing."""
        changes, self.waiting = self.waiting, ()
        self.settings = with_values(self.settings, {change.name: change.new for change in changes})
        self.in_force = self._note(at_ns, APPLIED, self.offers[-1][1], changes, "", None)

    def _faulted(self, fault: Fault | None, at_ns: int) -> None:
        last = self.in_force
        if fault is None:
            recovered = self.refused is not None and self.refused.patch is None
            if recovered:
                self.refused = None
                sha = last.overrides_sha if last is not None else ""
                patch = last.patch if last is not None else None
                self._log(Reload(at_ns, RECOVERED, self.settings.config_sha, sha, patch), None)
            return
        sha = self.settings.config_sha
        self.refused = Reload(at_ns, REFUSED, sha, fault.digest or "", None, (), fault.reason)
        self._log(self.refused, None)

    def _note(
        self,
        at_ns: int,
        result: str,
        offer: Offer,
        moved: tuple[Change, ...],
        why: str,
        snapshot: Snapshot[Offer] | None,
        *,
        quiet: bool = False,
    ) -> Reload:
        fields = tuple(change.name for change in moved)
        reload = Reload(at_ns, result, self.settings.config_sha, offer.sha, offer.patch, fields, why, moved)
        if quiet:
            return reload
        self._log(reload, snapshot)
        return reload

    def _log(self, reload: Reload, snapshot: Snapshot[Offer] | None) -> None:
        self.log.append(reload)
        for listener in self.listeners:
            listener(reload, snapshot)


def latency_s(snapshot: Snapshot[Any]) -> float:
    """Give the seconds since a change was first noticed."""
    return (time.monotonic_ns() - snapshot.seen_ns) / SECOND
