"""A soak on the wall clock as others see it while it runs: its fills as they come, bot.json, metrics.

Everything is gathered between two slices once a second and written on a thread of its own, so that a slow
disk is no lag of the desk. A soak of an environment follows the overrides that its agent keeps in force.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from framework.compiled.records import to_array
from framework.edge.rows import audit_rows, trade_rows
from framework.files.moments import iso_utc
from framework.market.records import Fill
from framework.session.alone import alone, bot_file_of
from framework.session.beside_git import check_beside_git
from framework.session.bot_report import BotReport, InForce, RefusedPatch, Stopped, WaitingValue
from framework.session.cut_off import tell_cut_off
from framework.session.gauges import Gauges, serve_metrics
from framework.session.health import DEGRADED, HealthWatch
from framework.session.intent_file import INTENTS, FileJournal
from framework.session.lines import BotLines, Standing
from framework.session.permitted import check_permitted
from framework.session.reload import (
    APPLIED,
    MODE,
    PENDING,
    REFUSED,
    TAKEN_BACK,
    LiveSettings,
    Offer,
    Reload,
    latency_s,
)
from framework.session.replay import SoakReplay
from framework.session.run_folder import RunFolder
from framework.session.sinks import AuditSink, FillSink, TickSink
from framework.session.status_writer import FEEDS, FeedCounts, StatusWriter
from framework.session.stop import Stop
from framework.session.tick_log import tick_rows
from framework.session.timeline import Version
from framework.settings.compose import Composed, live_overrides
from framework.settings.errors import ConfigError
from framework.settings.fields import value_at
from framework.settings.watch import OverridesWatcher, Snapshot
from framework.telemetry.alerts import Severity, alert
from framework.units import MS, SECOND

LINE_NS = 60 * SECOND


def traded(*, symbol: str, fills: Any, versions: list[Version]) -> list[dict[str, Any]]:
    """Give fills as rows of edge/trades.jsonl: with the route and the settings of the version that quoted."""
    shas = [version.config_sha for version in versions]
    return list(trade_rows(symbol=symbol, fills=fills, config_shas=shas))


class Bot:
    """One running soak under the wall clock, until it is closed."""

    def __init__(
        self,
        *,
        composed: Composed,
        home: Path,
        folder: RunFolder,
        live: LiveSettings,
        log: BotLines,
        stop: Stop,
    ) -> None:
        self.settings, self.live = composed.settings, live
        self._log, self._stop = log, stop
        self._ended: Stopped | None = None
        self._told_health, self._next_line_ns = "", time.monotonic_ns() + LINE_NS
        self.environment = composed.settings.soak.environment
        self._alone = ExitStack()
        if self.environment is not None:
            check_beside_git(composed, environment=self.environment)
            check_permitted(composed.settings, home=home, environment=self.environment)
            self._alone.enter_context(alone(home=home, environment=self.environment))
        self.metrics = serve_metrics(composed.settings.soak.metrics_port, log)
        self.run = folder.path.name
        self.replay: SoakReplay | None = None
        self.started_at = self.since = self.refused_at = _now()
        self._next_ns = 0
        self._gauges = Gauges(self.metrics)
        self._health = HealthWatch(deadline_ms=composed.settings.strategy.deadline_ms)
        self._snapshot: Snapshot[Offer] | None = None
        bot_file = None
        if self.environment is not None:
            watched = live_overrides(home, self.environment)
            bot_file = bot_file_of(home, self.environment)
            watched.parent.mkdir(parents=True, exist_ok=True)
            live.watcher = OverridesWatcher(
                watched,
                load=self._load,
                on_alert=self._invalid,
                on_recovery=self._recovered,
                on_swap=_hash,
                on_polled=self._polled,
            )
            self._follow_watcher(live.watcher)
        live.listeners.append(self._taken)
        self._writer = StatusWriter(folder=folder, bot_file=bot_file)
        self._intents = folder.path / INTENTS
        self._journal: FileJournal | None = None
        for line in tell_cut_off(folder):
            log(line)

    def open_journal(self, lots: dict[str, float]) -> FileJournal:
        """Open the run's journal of requests, on the disk before they leave."""
        self._journal = FileJournal(self._intents, lots=lots)
        return self._journal

    def start(self, replay: SoakReplay) -> None:
        """Begin to follow and to tell of a replay."""
        self.replay = replay
        self._log.standing = self.standing
        assert replay.session is not None
        assert replay.paced is not None
        replay.session.sinks += [
            FillSink(replay.replay, take=self._filled),
            AuditSink(replay.session.desk, take=self._audited),
            TickSink(replay.session.desk, now_ns=replay.paced.now_ns, take=self._ticked),
        ]
        if self.live.watcher is not None:
            self.live.watcher.start()

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        """Tell the last, and whether it ends on purpose, and end every thread."""
        heard = None if self._stop.heard is None else signal.Signals(self._stop.heard).name
        why = f"asked to by {heard}" if heard is not None else "its hours are over"
        if error is not None and not self._stop.insisted and not isinstance(error, KeyboardInterrupt):
            why = " ".join(f"broke off: {error}".split())
            self._ended = Stopped(_now(), why, on_purpose=False)
        else:
            self._ended = Stopped(_now(), why if error is None else "interrupted", on_purpose=True)
        self._log(f"| bot | STOPPED | {self._ended.why} |")
        self._log.standing = lambda: None  # what follows is a report
        self.close()

    def close(self) -> None:
        """Tell the last and end every thread."""
        if self.live.watcher is not None:
            self.live.watcher.stop()
        if self.replay is not None:
            self._tell(self.replay)
        if self._journal is not None:
            self._journal.close()
        self._writer.close()
        self.metrics.close()
        self._alone.close()

    def beat(self, _at_ns: int) -> None:
        """Tell how it goes once a second of real time; called before every slice."""
        now = time.monotonic_ns()
        if now < self._next_ns or self.replay is None:
            return
        self._next_ns = now + SECOND
        self._tell(self.replay)

    def standing(self) -> Standing | None:
        """Give how it stands now, None before it trades."""
        if self.replay is None:
            return None
        now, instrument = self.replay.replay.snapshot(), self.replay.market.tape.instrument
        changed = () if self.live.in_force is None else self.live.in_force.fields
        return Standing(
            position=now.books.position,
            base=instrument.base,
            pnl=now.books.equity,
            quote=instrument.quote,
            fills=now.fills,
            config_sha=self.live.settings.config_sha,
            values={
                name: value_at(self.live.settings, name)
                for name in sorted(self.live.named, key=lambda name: (name not in changed, name))
            },
        )

    def _tell_line(self, health: str, why: str) -> None:
        """Say on a line how it goes: when its health changes, and once a minute."""
        now = time.monotonic_ns()
        if health == self._told_health and now < self._next_line_ns:
            return
        self._told_health, self._next_line_ns = health, now + LINE_NS
        self._log(f"| bot | {health.upper()} | {why or 'trading'} |")

    def _filled(self, rows: Any) -> None:
        """Append fills to the run's trades; a row is never rewritten while the run goes on."""
        assert self.replay is not None
        symbol = self.replay.market.tape.instrument.symbol
        make = partial(traded, symbol=symbol, fills=rows, versions=self.replay.timeline.versions)
        self._writer.append("trades", len(rows), make)

    def _audited(self, rows: Any) -> None:
        """Append audit rows to the run's audit."""
        assert self.replay is not None
        symbol = self.replay.market.tape.instrument.symbol
        self._writer.append("audit", len(rows), partial(audit_rows, symbol=symbol, audit=rows))

    def _ticked(self, ticks: Any, lost: int, served_ns: int) -> None:
        """Append sampled ticks to the run's feed."""
        assert self.replay is not None
        instrument = self.replay.market.tape.instrument
        make = partial(
            tick_rows,
            symbol=instrument.symbol,
            lot=instrument.lot,
            ticks=ticks,
            served_ns=served_ns,
            deadline_ns=self.settings.strategy.deadline_ms * MS,
        )
        self._writer.append("ticks", len(ticks), make)
        self._writer.drop("ticks", lost)

    @property
    def feeds(self) -> dict[str, FeedCounts]:
        """Return of each feed how many rows were written and how many were left out."""
        return {feed: self._writer.counts(feed) for feed in FEEDS}

    def _load(self, data: bytes) -> Offer:
        """Judge the bytes of the watched file, on the watcher's thread."""
        assert self.live.watcher is not None
        where = self.live.watcher.path.name
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{where}: is not UTF-8 text (byte {error.start})") from error
        return self.live.offer(text, where=where, sha=sha256(data).hexdigest())

    def _taken(self, reload: Reload, snapshot: Snapshot[Offer] | None) -> None:
        """Tell at once what became of a patch, or of a canary."""
        if MODE in reload.fields and reload.result != PENDING:
            self.metrics.add("mode_switch_total")
        if reload.result == TAKEN_BACK:
            self.metrics.add("rollback_total")
            self.since = self.refused_at = _now()
            self._alert("rollout_guard", Severity.PAGE, f"the canary goes back: {reload.why}")
            self._next_ns = 0
            return
        self.metrics.add("overrides_reload_total", result=reload.result.lower())
        if reload.result in (APPLIED, PENDING):
            self.since = _now()
        elif reload.result == REFUSED:
            self.refused_at = _now()
        if snapshot is not None:
            self._snapshot = snapshot
            if reload.result != REFUSED:
                self.metrics.observe("reload_latency_s", latency_s(snapshot))
        if reload.result == REFUSED and reload.patch is not None:
            self._invalid(reload.why)
        self._next_ns = 0

    def _invalid(self, line: str) -> None:
        self._alert("overrides_invalid", Severity.PAGE, line)

    def _polled(self, line: str) -> None:
        self._alert("overrides_polled", Severity.WARNING, line)

    def _recovered(self, line: str) -> None:
        self._alert("overrides_invalid", Severity.INFO, line)

    def _alert(self, name: str, severity: Severity, text: str) -> None:
        alert(name=name, severity=severity, text=text, environment=self.environment, run=self.run)

    def _follow_watcher(self, watcher: OverridesWatcher[Offer]) -> None:
        def age() -> float:
            fault = watcher.fault
            since = watcher.checked_ns if fault is None else fault.since_ns
            return (time.monotonic_ns() - since) / SECOND

        self.metrics.follow("overrides_last_good_age_s", age)
        self.metrics.follow("overrides_invalid", lambda: float(watcher.fault is not None))

    def _tell(self, replay: SoakReplay) -> None:
        engine = replay.replay
        now = engine.snapshot()
        health, why = self._health.judge(replay, now, refused=self.live.refused)
        if self._ended is None:
            self._tell_line(health, why)
        elif not self._ended.on_purpose:
            health, why = DEGRADED, self._ended.why
        self._gauges.tell(replay, now, health=health)
        self._gauges.tell_feeds(self.feeds)
        self._gauges.tell_canary(replay, self.live)
        self._gauges.tell_overrides(self.live, generation=self._generation())
        standing = self.standing()
        assert standing is not None
        self._writer.status(
            BotReport(
                environment=self.environment,
                run=self.run,
                pid=os.getpid(),
                started_at=self.started_at,
                heartbeat_at=_now(),
                in_force=self._in_force(),
                pending=tuple(WaitingValue(c.name, c.new, c.reload) for c in self.live.waiting),
                refused=self._refused(),
                health=health,
                health_reason=why,
                feeds=self.feeds,
                stopped=self._ended,
                standing=standing,
                last_fill=_last_fill(replay, count=now.fills),
            )
        )

    def _in_force(self) -> InForce:
        reload = self.live.in_force
        patch = None if reload is None else reload.patch
        return InForce(
            config_sha=self.live.settings.config_sha,
            overrides_sha=None if reload is None else reload.overrides_sha,
            commit=None if patch is None else patch.commit or None,
            generation=self._generation(),
            since=self.since,
        )

    def _generation(self) -> int | None:
        reload = self.live.in_force
        if reload is None or reload.patch is None:
            return None
        own = None if self._snapshot is None else self._snapshot.generation
        return reload.patch.generation if reload.patch.generation is not None else own

    def _refused(self) -> RefusedPatch | None:
        refused = self.live.refused
        if refused is None:
            return None
        return RefusedPatch(refused.overrides_sha or None, refused.why, self.refused_at)


def _last_fill(replay: SoakReplay, *, count: int) -> Mapping[str, Any] | None:
    """Return the newest of ``count`` fills as a row of edge/trades.jsonl."""
    if not count:
        return None
    last = to_array(Fill, replay.replay.fills[count - 1 : count])
    symbol = replay.market.tape.instrument.symbol
    return traded(symbol=symbol, fills=last, versions=replay.timeline.versions)[0]


def _hash(snapshot: Snapshot[Offer]) -> None:
    """Compute the hash of new settings on the watcher's thread, not between two slices."""
    if snapshot.value.decision is not None:
        _ = snapshot.value.decision.staged.config_sha


def _now() -> str:
    return iso_utc(datetime.now(UTC))
