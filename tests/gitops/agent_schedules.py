"""Random schedules of what people, disks, networks and bots do to an environment, against a small model.

The model knows nothing of the agent's code. It is written from what the agent promises: what is in force
changes only to what takes risk away and nobody refused, to what the gate promoted, or, going back, to a
content that was in force, each value at the safest it has been since; a hold lets nothing in.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from framework.errors import QuoteopsError
from framework.gitops.agent import observer as observing
from framework.gitops.agent import revert as reverting
from framework.gitops.agent.operator import hold_environment, release_environment, roll_back_environment
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.serve import once
from framework.gitops.agent.state_dir import StateDir
from framework.gitops.desired.environment_revision import EnvironmentRevision, read_revision
from framework.gitops.repo.git import Git
from framework.journal.entry import Kind
from tests.gitops import agent_cases
from tests.gitops.agent_cases import PATCH, World, patch_text
from tests.gitops.git_in_process import STORE, in_process

CAP, WIDTH, TAIL = "sizing.notional_cap_usd", "base_spread_bps_delta", "tail_age_ms"


class Content(NamedTuple):
    """What is in force, as far as schedules move it: less cap and more width are safer, tail is neither."""

    cap: int
    width: float
    tail: int

    def reduces(self, other: Content) -> bool:
        """Say whether going from another content to this one takes risk away and does nothing else."""
        return (
            self != other and self.tail == other.tail and self.cap <= other.cap and self.width >= other.width
        )


CAPS, WIDTHS, TAILS = (5_000, 10_000, 20_000), (0.1, 0.2, 0.3), (650, 700)


@dataclass
class Home:
    """One agent's disk, and what the model knows of it."""

    agent: Reconciler
    live: Content | None = None
    past: list[Content] = field(default_factory=list)
    """Everything that was in force on it or, as far as it was published, anywhere."""

    held: Content | None = None
    """What an operator's hold keeps; None while there is none, or the disk has forgotten it."""

    unsaid: list[Content] = field(default_factory=list)
    """What ran badly here, as long as the network has not heard of it: it is lost with the disk."""


@dataclass
class Model:
    """What may be in force."""

    decisions: list[tuple[Content, Kind]] = field(default_factory=list)
    bad: dict[Content, int] = field(default_factory=dict)
    """Contents that ran badly, with the number of decisions that there were by then."""

    ever: list[Content] = field(default_factory=list)
    """Everything that was in force anywhere, in order."""

    unheard: list[Content] = field(default_factory=list)
    """What ran badly elsewhere, as long as nobody could have told the disk that is looked at."""

    def refused(self, content: Content) -> bool:
        """Say whether the gate's newest word on a content is no."""
        words = [kind for about, kind in self.decisions if about == content]
        return bool(words) and words[-1] is Kind.REFUSED

    def let_in(self, content: Content) -> bool:
        """Say whether the gate's newest word on a content is yes, and newer than its last bad run."""
        words = [(at, kind) for at, (about, kind) in enumerate(self.decisions) if about == content]
        bad = 0 if content in self.unheard else self.bad.get(content, 0)
        return bool(words) and words[-1][1] is Kind.PROMOTED and words[-1][0] >= bad

    def goes_back(self, after: Content, past: list[Content]) -> bool:
        """Say whether a content is one of before, each value at the safest it has been since."""
        for at, target in enumerate(past):
            since = past[at:]
            cap, width = min(item.cap for item in since), max(item.width for item in since)
            if after == Content(cap, width, target.tail):
                return True
        return False

    def why_not(self, before: Content | None, after: Content, past: list[Content], act: str) -> str:
        """Say why a content may not follow another, or nothing."""
        if after == before:
            return ""
        if act == "loosen":
            return "" if after in past else "went to what was never in force"
        if self.refused(after):
            return "the gate has refused it"
        if before is None and past and after.reduces(past[-1]):
            return ""  # another disk: what takes risk away from what is in force elsewhere
        if before is None:
            return "" if self.let_in(after) or not self.decisions or after in past else "nobody let it in"
        if after.reduces(before) or self.let_in(after) or self.goes_back(after, past):
            return ""
        return "it adds risk and nobody let it in"


class Schedule:
    """One run: a world, one or two agents, and a list of steps by name, drawn from a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(folder, promotes=False)
        self.model = Model()
        self.commits: list[tuple[str, Content]] = []
        self.homes = [Home(self._agent("home"))]
        self.network = True
        self.ticks = 1_000.0
        self.head = Content(20_000, 0.1, 650)
        self._push(self.head)

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
        cap, width, tail = self.head
        self._push(
            Content(
                max(c for c in CAPS if c <= cap // 2 or c == CAPS[0]), min(0.3, round(width + 0.1, 1)), tail
            )
        )

    def loosen(self) -> None:
        cap, width, tail = self.head
        self._push(Content(min(20_000, cap * 2), max(0.1, round(width - 0.1, 1)), tail))

    def expiring(self) -> None:
        cap, width, tail = self.head
        ends = (self.world.now + timedelta(hours=1)).isoformat()
        self._push(Content(cap, width, TAILS[0] if tail == TAILS[1] else TAILS[1]), expires=ends)

    def promote(self) -> None:
        self._decide(Kind.PROMOTED)

    def refuse(self) -> None:
        self._decide(Kind.REFUSED)

    def docs(self) -> None:
        hold = self._home().agent.view.history().hold
        if hold is not None:
            self.world.commit(
                {"README.md": str(self.random.random()).encode()},
                message=f"docs\n\nClears-Hold: {hold['hold']}\n",
            )

    def poll(self) -> None:
        for home in self.homes:
            self._look(home)

    def wait(self) -> None:
        seconds = self.random.choice((40.0, 400.0, 4_000.0, 90_000.0))
        self.world.now += timedelta(seconds=seconds)
        self.ticks += seconds
        self.poll()

    def restart(self) -> None:
        home = self._home()
        home.agent = self._agent(home.agent.state_dir.home.name)

    def crash(self) -> None:
        """Kill an agent with SIGKILL before one of its writes, then start another on its disk."""
        home = self._home()
        at = self.random.randrange(1, 25)
        child = os.fork()
        if child == 0:
            try:
                _count_down(at)
                once(home.agent, wait_s=0.0)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        home.agent = self._agent(home.agent.state_dir.home.name)
        self._check(home, "crash")
        self._look(home)

    def old_disk(self) -> None:
        """Bring an agent's disk back as it was at the last backup."""
        home = self._home()
        folder, backup = (
            home.agent.state_dir.home,
            self.world.folder / f"backup-{home.agent.state_dir.home.name}",
        )
        if backup.is_dir():
            shutil.rmtree(folder)
            shutil.copytree(backup, folder)
            home.agent = self._agent(folder.name)
            self._forgets(home)
            home.live = self._live(home)
            self._look(home)
        elif folder.is_dir():
            shutil.copytree(folder, backup)

    def new_host(self) -> None:
        home = self._home()
        shutil.rmtree(home.agent.state_dir.home, ignore_errors=True)
        home.agent = self._agent(home.agent.state_dir.home.name)
        self._forgets(home)
        home.live = None
        self._look(home)

    def second(self) -> None:
        if len(self.homes) == 1:
            self.homes.append(Home(self._agent("other")))

    def hold(self) -> None:
        home = self._home()
        if self._by_hand(home, lambda: hold_environment(home.agent, reason="incident")):
            home.held = home.live

    def release(self) -> None:
        home = self._home()
        self._by_hand(home, lambda: release_environment(home.agent, reason="over"))
        for each in self.homes:
            each.held = None

    def rollback(self) -> None:
        home = self._home()
        before = home.live
        if self._by_hand(home, lambda: roll_back_environment(home.agent, reason="losses")):
            self._ran_badly(home, before)
            home.held = None
        self._check(home, "rollback")

    def roll_to(self) -> None:
        home = self._home()
        loosen = self.random.random() < 0.5
        commit, _ = self.random.choice(self.commits)
        before = home.live
        if self._by_hand(
            home, lambda: roll_back_environment(home.agent, reason="x", to=commit, loosen=loosen)
        ):
            self._ran_badly(home, before)
            home.held = None
        self._check(home, "loosen" if loosen else "rollback")

    def offline(self) -> None:
        self.network = not self.network
        for home in self.homes:
            home.agent.observer.remote = self._remote()

    def bot(self) -> None:
        home = self.homes[0]
        if home.agent.state_dir.live.is_file():
            self.world.bot(health=self.random.choice(("healthy", "healthy", "failing")))
            self._look(home)

    STEPS = (
        change, change, change, change, push, promote, refuse, refuse, tighten, tighten, loosen, expiring,
        docs, poll, poll, wait, restart, crash, crash, crash, old_disk, old_disk, new_host, second, hold,
        release, rollback, rollback, roll_to, roll_to, offline, bot, bot,
    )  # fmt: skip

    # -- what the steps are made of --------------------------------------------------------------------------

    def run(self, steps: list[str]) -> None:
        """Take steps by name; raises AssertionError where what is in force may not be."""
        for name in steps:
            getattr(self, name)()
            self.world.now += timedelta(seconds=1)
            self.ticks += 1.0
            for home in self.homes:
                self._check(home, name)

    def _agent(self, name: str) -> Reconciler:
        remote = self.world.remote if getattr(self, "network", True) else Path("/nowhere/remote.git")
        observer = observing.Observer(
            StateDir(self.world.folder / name, "sandbox"), str(remote), lambda: self.world.now
        )
        agent = Reconciler(observer, log=lambda _: None, publishes=True)
        agent.tenancy.clock = lambda: self.ticks
        return agent

    def _remote(self) -> str:
        return str(self.world.remote) if self.network else "/nowhere/remote.git"

    def _home(self) -> Home:
        return self.random.choice(self.homes)

    def _push(self, content: Content, **more: Any) -> None:
        values = {CAP: content.cap, WIDTH: content.width, TAIL: content.tail}
        self.head = content
        text = patch_text(**more, **values)
        self.commits.append((self.world.commit({PATCH: text.encode()}), content))

    def _decide(self, kind: Kind) -> None:
        self._say(kind, *self.random.choice([*self.commits[-3:], *self.commits[-1:] * 3]))

    def _say(self, kind: Kind, commit: str, content: Content) -> None:
        self.world.promote(commit, kind, sentence="worse")
        self.model.decisions.append((content, kind))

    def _look(self, home: Home) -> None:
        with suppress(QuoteopsError):  # it says why and does nothing
            once(home.agent, wait_s=0.0)
            if self.network and home.agent.tenancy.mine is not None and not home.agent.publish_fault:
                home.unsaid.clear()
        self._check(home, "look")

    def _by_hand(self, home: Home, act: Callable[[], object]) -> bool:
        try:
            act()
        except QuoteopsError:
            return False
        return True

    def _ran_badly(self, home: Home, content: Content | None) -> None:
        if content is not None:
            self.model.bad[content] = len(self.model.decisions)
            home.unsaid.append(content)

    def _forgets(self, home: Home) -> None:
        """Lose a disk, and with it what nobody else was told."""
        home.held = None
        for content in home.unsaid:
            self.model.bad.pop(content, None)
        home.unsaid.clear()

    def _live(self, home: Home) -> Content | None:
        history = home.agent.view.history()
        applied = history.applied
        found = home.agent.observer.contents.stored(applied)
        if found is None or not home.agent.state_dir.live.is_file():
            return None
        return Content(int(found.fields[CAP]), round(found.fields[WIDTH], 6), int(found.fields[TAIL]))

    def _check(self, home: Home, act: str) -> None:
        live = self._live(home)
        if live is None or live == home.live:
            return
        past = self.model.ever
        others = [content for other in self.homes if other is not home for content in other.unsaid]
        self.model.unheard = [content for content in others if content not in home.unsaid]
        why = self.model.why_not(home.live, live, past, act)
        assert not why, f"{act}: {home.live} -> {live}: {why}"
        held = home.held
        safer = held is not None and live.reduces(held)  # another disk has published it meanwhile
        assert held is None or safer or act in ("rollback", "loosen", "release"), (
            f"{act}: {held} was held, in force is {live}"
        )
        assert not safer or home.agent.state_dir.hold.is_file(), f"{act}: {held} is not held any more"
        home.held = live if safer else held
        home.live = live
        self.model.ever.append(live)


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
        if not schedule.model.ever:
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

    rooms: list[Any] = [observing, reverting, agent_cases]
    for room in rooms:
        room.read_revision = reading
    try:
        with in_process(agent_cases._made[0]):
            yield
    finally:
        for room in rooms:
            room.read_revision = read_revision


def try_seeds(folder: Path, seeds: range, *, length: int) -> list[str]:
    """Run a schedule a seed; return what was wrong, each with its seed and its shortest steps."""
    wrong = []
    with cheaply():
        for seed in seeds:
            steps = draw(seed, length)
            if attempt(folder, seed, steps):
                steps = shortest(folder, seed, steps)
                wrong.append(f"seed {seed}: {attempt(folder, seed, steps)}; {' '.join(steps)}")
    return wrong


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
        wrong = try_seeds(Path(room) / "w", range(first, last), length=length)
    print(*wrong, sep="\n")
    count, seconds = last - first, time.monotonic() - began
    print(f"{count} schedules of {length + 1} steps in {seconds:.0f} s, {len(wrong)} with a fault")
