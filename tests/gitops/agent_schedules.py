"""Random schedules of what people, disks, networks and bots do to an environment, against a small model.

What is checked is every live file that was ever written, as its bytes say, at the moment it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.gitops.agent import revert as reverting
from framework.gitops.agent import revisions
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.operator import hold_environment, release_environment, roll_back_environment
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.serve import once
from framework.gitops.agent.state_dir import StateDir
from framework.gitops.desired.environment_revision import EnvironmentRevision, read_revision
from framework.gitops.repo.git import Git
from framework.journal.entry import Kind
from tests.gitops import agent_cases
from tests.gitops.agent_cases import PATCH, World, patch_text
from tests.gitops.agent_model import CAP, TAIL, WIDTH, Bad, Content, Held, Item, Known, Model, Write
from tests.gitops.git_in_process import STORE, in_process

CAPS, WIDTHS, TAILS = (5_000, 10_000, 20_000), (0.1, 0.2, 0.3), (650, 700)
PROBATION = timedelta(seconds=900)


@dataclass
class Home:
    """One agent's disk, and what the model knows of it."""

    agent: Reconciler
    live: Item | None = None
    """What the live file has."""

    disk: Known = field(default_factory=Known)
    backup: tuple[Item | None, Known] | None = None
    read: int = 0
    """Writes of its live file that were looked at."""

    @property
    def folder(self) -> Path:
        """Return the folder that is its disk."""
        return self.agent.state_dir.home


class Schedule:
    """One run: a world, one or two agents, and a list of steps by name, drawn from a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(folder, promotes=False)
        self.model = Model()
        self.commits: list[tuple[str, Item]] = []
        self.ever = 0
        """Live files that were written."""

        self.contents: dict[str, Content] = {}
        """What was ever in a live file, by the SHA-256 of its bytes."""

        self.acts: set[str] = set()
        """Goings back that were looked at."""

        self.remote_head = ""
        self.network = True
        self.ticks = 1_000.0
        self.homes = [Home(self._agent("home"))]
        self._push(Content(20_000, 0.1, 650))

    # -- steps -----------------------------------------------------------------------------------------------

    def push(self) -> None:
        choice = self.random.choice
        self._push(Content(choice(CAPS), choice(WIDTHS), choice(TAILS)))

    def change(self) -> None:
        """Bring a change as people do: push, let the gate promote it, look."""
        self.push()
        self._say(Kind.PROMOTED, *self.commits[-1])
        self.poll()

    def tighten(self) -> None:
        cap, width, tail = self._head
        caps = [c for c in CAPS if c <= cap // 2 or c == CAPS[0]]
        self._push(Content(max(caps), min(0.3, round(width + 0.1, 1)), tail))

    def loosen(self) -> None:
        cap, width, tail = self._head
        self._push(Content(min(20_000, cap * 2), max(0.1, round(width - 0.1, 1)), tail))

    def expiring(self) -> None:
        cap, width, tail = self._head
        other = TAILS[0] if tail == TAILS[1] else TAILS[1]
        self._push(Content(cap, width, other), ends=self.world.now + timedelta(hours=1))

    def promote(self) -> None:
        self._decide(Kind.PROMOTED)

    def refuse(self) -> None:
        self._decide(Kind.REFUSED)

    def decline(self) -> None:
        """Bring a tightening that the gate refuses."""
        self.tighten()
        self._say(Kind.REFUSED, *self.commits[-1])
        self.poll()

    def docs(self) -> None:
        """Let somebody who may not end a hold name it."""
        hold = self._home().agent.view.history().hold
        if hold is not None:
            message = f"docs\n\nClears-Hold: {hold['hold']}\n"
            commit = self.world.commit({"README.md": str(self.random.random()).encode()}, message=message)
            self.commits.append((commit, self.commits[-1][1]))

    def poll(self) -> None:
        for home in self.random.sample(self.homes, len(self.homes)):
            self._look(home)

    def wait(self) -> None:
        seconds = self.random.choice((40.0, 400.0, 4_000.0, 90_000.0))
        self.world.now += timedelta(seconds=seconds)
        self.ticks += seconds
        self.poll()

    def restart(self) -> None:
        home = self._home()
        home.agent = self._agent(home.folder.name)

    def crash(self) -> None:
        """Kill an agent with SIGKILL before one of its writes; another on its disk looks now or later."""
        home = self._home()
        at = self.random.randrange(1, 25)
        self._hears(home)
        child = os.fork()
        if child == 0:
            try:
                _count_down(at)
                once(home.agent, wait_s=0.0)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        home.agent = self._agent(home.folder.name)
        self._check(home, "crash")
        if self.random.random() < 0.5:
            self._look(home)

    def old_disk(self) -> None:
        """Bring an agent's disk back as it was at the last backup."""
        home = self._home()
        backup = self.world.folder / f"backup-{home.folder.name}"
        if home.backup is not None:
            shutil.rmtree(home.folder)
            shutil.copytree(backup, home.folder)
            home.agent = self._agent(home.folder.name)
            home.live, home.disk = home.backup
            self._look(home)
        elif home.folder.is_dir():
            shutil.copytree(home.folder, backup)
            home.backup = home.live, home.disk

    def new_host(self) -> None:
        home = self._home()
        shutil.rmtree(home.folder, ignore_errors=True)
        home.agent = self._agent(home.folder.name)
        home.live, home.disk = None, Known()
        self._look(home)

    def second(self) -> None:
        if len(self.homes) == 1:
            self.homes.append(Home(self._agent("other")))

    def hold(self) -> None:
        home = self._home()
        if self._by_hand(lambda: hold_environment(home.agent, reason="incident")):
            number = self.random.getrandbits(32)
            if home.live is not None:  # else what was published is refused, and nothing is in force here
                home.disk = replace(home.disk, held=Held(number, home.live.content, self._asked()))

    def release(self) -> None:
        home = self._home()
        if self._by_hand(lambda: release_environment(home.agent, reason="over")):
            home.disk = home.disk.released()

    def rollback(self) -> None:
        home = self._home()
        if self._by_hand(lambda: roll_back_environment(home.agent, reason="losses")):
            home.disk = home.disk.moved_on()
        self._check(home, "rollback")

    def roll_to(self) -> None:
        home = self._home()
        loosen = self.random.random() < 0.5
        commit, item = self.random.choice(self.commits)
        if self._by_hand(lambda: roll_back_environment(home.agent, reason="x", to=commit, loosen=loosen)):
            home.disk = home.disk.moved_on()
        self._check(home, "rollback", to=item, loosen=loosen)

    def offline(self) -> None:
        self.network = not self.network
        for home in self.homes:
            home.agent.observer.remote = self._remote()

    def bot(self) -> None:
        home = self.homes[0]
        if home.agent.state_dir.live.is_file():
            self.world.bot(health=self.random.choice(("healthy", "healthy", "failing")))
            self._look(home)

    def prove(self) -> None:
        """Let a bot run in good health for longer than the probation."""
        for _ in range(2):
            if self.homes[0].agent.state_dir.live.is_file():
                self.world.bot()
                self._look(self.homes[0])
            self.world.now += timedelta(seconds=1_000)
            self.ticks += 1_000.0

    STEPS = (
        change, change, change, change, push, promote, refuse, refuse, tighten, tighten, loosen, expiring,
        decline, prove, prove,
        docs, poll, poll, wait, restart, crash, crash, crash, old_disk, old_disk, new_host, second, second,
        hold, release, rollback, rollback, roll_to, roll_to, offline, bot, bot,
    )  # fmt: skip

    # -- what the steps are made of --------------------------------------------------------------------------

    def run(self, steps: list[str]) -> None:
        """Take steps by name; raises AssertionError where what is in force may not be."""
        with _watched(self):
            for name in steps:
                getattr(self, name)()
                self.world.now += timedelta(seconds=1)
                self.ticks += 1.0
                for home in self.homes:
                    self._check(home, name)

    @property
    def _head(self) -> Content:
        return self.commits[-1][1].content

    def _asked(self) -> tuple[str, Content]:
        commit, item = self.commits[-1]
        return commit, item.asks(self.world.now)

    def _agent(self, name: str) -> Reconciler:
        observer = Observer(
            StateDir(self.world.folder / name, "sandbox"), self._remote(), lambda: self.world.now
        )
        agent = Reconciler(observer, log=lambda _: None, publishes=True)
        agent.tenancy.clock = lambda: self.ticks
        return agent

    def _remote(self) -> str:
        return str(self.world.remote) if self.network else "/nowhere/remote.git"

    def _home(self) -> Home:
        return self.random.choice(self.homes)

    def _push(self, content: Content, *, ends: datetime | None = None) -> None:
        values = {CAP: content.cap, WIDTH: content.width, TAIL: content.tail}
        text = patch_text(**values) if ends is None else patch_text(expires=ends.isoformat(), **values)
        self.commits.append((self.world.commit({PATCH: text.encode()}), Item(content, ends)))

    def _decide(self, kind: Kind) -> None:
        self._say(kind, *self.random.choice([*self.commits[-3:], *self.commits[-1:] * 3]))

    def _say(self, kind: Kind, commit: str, item: Item) -> None:
        self.world.promote(commit, kind, sentence="worse")
        self.model.decisions.append((item.asks(self.world.now), kind))

    def _by_hand(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except QuoteopsError:
            return False
        return True

    def _hears(self, home: Home) -> None:
        if self.network:
            home.disk = replace(home.disk, heard=len(self.model.decisions))

    def _look(self, home: Home) -> None:
        self._hears(home)
        looked = self._by_hand(lambda: once(home.agent, wait_s=0.0))
        before = home.live
        self._check(home, "look")
        if looked and self.network and not self._behind(home):
            self._check_hold(home)
            self._check_refused(home)
        if looked and home is self.homes[0] and home.live == before:
            self._prove(home)

    # -- what is seen from outside ---------------------------------------------------------------------------

    def published(self, name: str) -> dict[str, Any] | None:
        """Return a small file of the journal's branch, None while there is none."""
        if self.world.author.attempt(["rev-parse", "refs/heads/quoteops/journal"])[0] != 0:
            return None
        data = self.world.author.show("refs/heads/quoteops/journal", name)
        return None if data is None else json.loads(data)

    def written(self, live: Path) -> None:
        """Note down a live file as it was just written, and what lies around it; also in a child."""
        home = live.parents[4]
        hold = live.parents[1] / "hold.json"
        lease, journal = self.published("sandbox.lease.json") or {}, live.parents[1] / "journal.jsonl"
        head = (self.published("sandbox.head.json") or {}).get("sha256", "")
        row = {
            "live": live.read_text(),
            "hold": json.loads(hold.read_text()) if hold.is_file() else None,
            "behind": bool(head) and (not journal.is_file() or head not in journal.read_text()),
            "mine": f":{home}:" in lease.get("holder", "") and not lease["released"],
        }
        with (self.world.folder / f"{home.name}.log").open("a") as log:
            log.write(json.dumps(row) + "\n")

    def _writes(self, home: Home) -> Iterator[Write]:
        log = self.world.folder / f"{home.folder.name}.log"
        rows = log.read_text().splitlines()[home.read :] if log.is_file() else []
        home.read += len(rows)
        for row in map(json.loads, rows):
            told = json.loads(row["live"])
            values, ends = told["overrides"], told.get("expires")
            content = Content(int(values[CAP]), round(values[WIDTH], 6), int(values[TAIL]))
            sha = hashlib.sha256(row["live"].encode()).hexdigest()
            item = Item(content, datetime.fromisoformat(ends) if ends else None)
            item = item._replace(ends=None) if item.has_ended(self.world.now) else item  # it is what is left
            self.contents[sha] = content
            yield Write(home.folder.name, item, sha, row["hold"], row["behind"], row["mine"])

    def _behind(self, home: Home) -> bool:
        journal, head = home.agent.state_dir.journal, self.published("sandbox.head.json")
        return head is not None and not (journal.is_file() and head["sha256"] in journal.read_text())

    # -- what is held against the model ----------------------------------------------------------------------

    def _check(self, home: Home, act: str, *, to: Item | None = None, loosen: bool = False) -> None:
        for write in self._writes(home):
            self._check_write(home, write, act, to, loosen)
        self._check_published(home)

    def _check_write(self, home: Home, write: Write, act: str, to: Item | None, loosen: bool) -> None:
        model, now = self.model, self.world.now
        if not write.behind:
            self._take_over(home)
        live, after = home.live, write.item.content
        before = None if live is None else live.content
        back = self._goes_back(home, write)
        if back and (write.hold or {}).get("cause") != "operator":  # by itself, completed by who asks now
            to, loosen = None, False
        if back:
            assert act != "look" or home.disk.held is None, f"{act}: went back by itself under a hold"
            why = model.why_not_back(home.disk, before, after, now, to=to, loosen=loosen)
        else:
            why = model.why_not(home.disk, live, write, now, self.network)
        assert not why, f"{act}: {before} -> {after}: {why}"
        held = home.disk.held
        if held is not None and write.behind and held.number in model.told:  # what is taken over counts
            held = model.published.held
        if not back and held is not None:
            ended = live is not None and live.has_ended(now) and after == live.content.ended()
            fits = after == held.content or after.reduces(held.content) or ended
            assert fits, f"{act}: {held.content} was held, in force is {after}"
            home.disk = replace(home.disk, held=held._replace(content=after))
        home.live = write.item
        home.disk = replace(home.disk, past=(*home.disk.past, write.item))
        self.ever += 1

    def _goes_back(self, home: Home, write: Write) -> bool:
        """Say whether a write is a going back that was not seen before; note what it was for."""
        hold = write.hold or {}
        name, quarantined = hold.get("hold", ""), hold.get("quarantined")
        act = f"{name} at {hold.get('at')}"
        if quarantined is None or act in self.acts or name.count("-") > 1:  # carried to another disk
            return False
        self.acts.add(act)
        content = self.contents[quarantined["overrides_sha"]]
        bad = {**home.disk.bad, content: Bad(len(self.model.decisions), self.world.now)}
        home.disk = replace(home.disk, bad=bad)
        return True

    def _check_published(self, home: Home) -> None:
        head = (self.published("sandbox.head.json") or {}).get("sha256", "")
        if not self._behind(home):
            self._take_over(home)
            if head != self.remote_head:
                home.disk = self.model.publish(home.disk)
                self.remote_head = head
        lease = self.published("sandbox.lease.json")
        if lease is not None:
            place = lease["holder"].rpartition(":")[0]  # of a home's processes all but the last are dead
            why = self.model.why_not_lease(place, lease["token"], lease["released"], self.ticks)
            assert not why, why

    def _take_over(self, home: Home) -> None:
        if home.disk.version != self.model.published.version:
            home.disk = self.model.adopt(home.disk)

    def _check_hold(self, home: Home) -> None:
        held, (commit, asked) = home.disk.held, self._asked()
        if held is None or home.agent.state_dir.hold.is_file():
            return
        given = asked == held.content and held.asked[1] != asked and held.asked[0] != commit
        assert given, f"{held.content} is not held any more"
        home.disk = replace(home.disk, held=None)

    def _check_refused(self, home: Home) -> None:
        """What was refused and stays in force has to be said."""
        if home.live is None or not self.model.refused(home.live.content, home.disk):
            return
        alerts = home.agent.view.history().alerts
        assert "revoked" in alerts, f"{home.live.content} was refused, is in force, and nobody says so"

    def _prove(self, home: Home) -> None:
        """Take note of what a bot has run in good health for the whole probation."""
        path = home.agent.state_dir.bot
        bot = json.loads(path.read_text()) if path.is_file() else {}
        if not bot or bot["health"] != "healthy" or bot["heartbeat_at"] < self.world.now.isoformat():
            return
        since, content = bot["in_force"].get("since"), self.contents.get(bot["in_force"]["overrides_sha"])
        if not since or home.live is None or content != home.live.content:
            return
        if self.world.now - datetime.fromisoformat(since) > PROBATION:
            told = self.network and home.disk.version == self.model.published.version
            home.disk = replace(home.disk, proven=home.disk.proven | {content})
            if told:
                self.model.published = replace(self.model.published, proven=home.disk.proven)


def draw(seed: int, length: int) -> list[str]:
    """Draw the steps of a schedule."""
    chosen = random.Random(seed * 7_919)
    return ["poll", *(chosen.choice(Schedule.STEPS).__name__ for _ in range(length))]


def attempt(folder: Path, seed: int, steps: list[str]) -> str:
    """Run a schedule; return what was wrong, or nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    STORE.begin(folder / "objects")
    try:
        schedule = Schedule(folder, seed)
        schedule.run(steps)
        if not schedule.ever:
            return "nothing was ever in force"
    except AssertionError as error:
        return str(error) or "an assertion that says nothing"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return ""


def shortest(folder: Path, seed: int, steps: list[str]) -> list[str]:
    """Leave out steps, from the end and one by one, as long as something is still wrong."""
    at = len(steps) - 1
    while at > 0:
        fewer = steps[:at] + steps[at + 1 :]
        if attempt(folder, seed, fewer):
            steps = fewer
        at -= 1
    return steps


@contextmanager
def cheaply() -> Iterator[None]:
    """Do without git's processes, and compose what a commit's files say once a process."""
    known: dict[bytes, EnvironmentRevision] = {}
    with tempfile.TemporaryDirectory() as first:  # the remote that every world begins with is git's own
        World(Path(first) / "w")

    def reading(
        git: Git, *, commit: str, environment: str, scratch: Path | None = None
    ) -> EnvironmentRevision:
        said = b"".join(
            git.run("rev-parse", f"{commit}:{name}") for name in ("conf", "gitops", "runtime_overrides")
        )
        if said not in known:
            known[said] = read_revision(git, commit=commit, environment=environment, scratch=scratch)
        return replace(known[said], commit=commit)

    rooms: list[Any] = [revisions, reverting, agent_cases]
    for room in rooms:
        room.read_revision = reading
    try:
        with in_process(agent_cases._made[0]):
            yield
    finally:
        for room in rooms:
            room.read_revision = read_revision


def try_seeds(
    folder: Path, seeds: range, *, length: int, tell: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Run a schedule a seed; return what was wrong, each with its seed and its shortest steps."""
    wrong = []
    with cheaply():
        for seed in seeds:
            steps = draw(seed, length)
            if attempt(folder, seed, steps):
                steps = shortest(folder, seed, steps)
                wrong.append(f"seed {seed}: {attempt(folder, seed, steps)}; {' '.join(steps)}")
                tell(wrong[-1])
    return wrong


@contextmanager
def _watched(schedule: Schedule) -> Iterator[None]:
    """Note down every live file that is put in place of another."""
    real = os.replace

    def call(source: Any, target: Any, **words: Any) -> None:
        real(source, target, **words)
        if str(target).endswith("/live/overrides.json"):
            schedule.written(Path(target))

    setattr(os, "replace", call)  # noqa: B010
    try:
        yield
    finally:
        setattr(os, "replace", real)  # noqa: B010


def _count_down(left: int) -> None:
    """Kill this process before its ``left``-th write."""
    state = {"left": left}

    def counted(name: str) -> None:
        real = getattr(os, name)

        def call(*args: Any, **words: Any) -> Any:
            state["left"] -= 1
            if state["left"] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **words)

        setattr(os, name, call)

    for name in ("fsync", "fdatasync", "ftruncate", "replace", "rename", "unlink"):
        counted(name)


if __name__ == "__main__":
    import sys
    import time

    first, last, length = (int(word) for word in sys.argv[1:])
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as room:
        wrong = try_seeds(
            Path(room) / "w", range(first, last), length=length, tell=lambda text: print(text, flush=True)
        )
    count, seconds = last - first, time.monotonic() - began
    print(f"{count} schedules of {length + 1} steps in {seconds:.0f} s, {len(wrong)} with a fault")
