"""The README typed block by block in a fresh clone, a section at a time: it works and prints what it says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.command import REPOSITORY, environment
from tests.e2e.readme import Block, blocks, check_printed
from tests.e2e.test_control_loop import pytestmark, until
from tests.e2e.workflow import git

__all__ = ["pytestmark"]

AFTER = {
    "quoteops gitops reconcile": ("agent", " | Synced Missing Allowed |"),
    "quoteops soak soak.environment": ("bot", "| bot | HEALTHY | trading |"),
    '"$proposal" && git push': ("bot", "| strategy.base_half_spread_bps 3.0 -> 4.5,"),
    "wider && git push": ("bot", "fields=base_spread_bps_delta | base_spread_bps_delta 0.1 -> 0.15 |"),
    "faster && git push": ("agent", " | OutOfSync Healthy Waiting | waiting for promotion |"),
    "gitops promote": ("bot", "| min_interval_ms 70 -> 60 |"),
    "quoteops/revert-sandbox-*": ("agent", " | CLEAR | "),
}
"""What a command ends in, and the line of the other terminal that the README lets one wait for."""

FAILS = {
    "quoteops soak": 1,
    "quoteops soak strategy.base_half_spread_bps=1.0": 1,
    "quoteops soak profile.spread_multiplier=1.2 exchange.maker_fee_bps=-0.5": 1,
    "quoteops gitops gate --base main --head slower": 1,
    "quoteops gitops status --environment sandbox": 1,
}
"""Commands that the README says to end otherwise than with 0."""


class Desk:
    """A newcomer's folder: one shell that remembers its variables, and the other terminals."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        self.folder, self._held = folder, held
        self.place = folder / "quoteops"
        git("clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(self.place))
        git("-C", str(self.place), "checkout", "--quiet", "-B", "main")
        path = os.pathsep.join((str(Path(sys.prefix) / "bin"), os.environ["PATH"]))
        self.env = {**environment(), "PATH": path, "PYTHONPATH": str(self.place)}
        self.names: list[str] = []
        self.ended: dict[str, int] = {}

    def type_in(self, text: str) -> str:
        """Type a block; every command must end as the README says."""
        trap = """trap 'echo "$?|$BASH_COMMAND" >&3' ERR"""
        codes = self.folder / "codes"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", "\n".join((*self.names, f"exec 3>{codes}", trap, text))],
            cwd=self.place, env=self.env, capture_output=True, text=True, timeout=600.0, check=False,
        )  # fmt: skip
        for line in codes.read_text(encoding="utf-8").splitlines():
            code, _, command = line.partition("|")
            assert FAILS.get(command) == int(code), f"{line}\n{done.stdout}{done.stderr}"
        self.names += [line for line in text.splitlines() if re.match(r"\w+=", line)]
        return done.stdout

    def log(self, name: str) -> Path:
        """Return where a terminal of its own keeps what it shows."""
        return self.folder / f"{name}.log"

    def aside(self, text: str) -> None:
        """Type a block into a terminal of its own."""
        name = "agent" if "reconcile" in text else "bot"
        self._held.enter_context(self._terminal(name, text))

    @contextmanager
    def _terminal(self, name: str, text: str) -> Iterator[None]:
        with (
            self.log(name).open("wb") as out,
            subprocess.Popen(
                f"exec {text}", shell=True, cwd=self.place, env=self.env, stdout=out, stderr=subprocess.STDOUT
            ) as child,
        ):
            try:
                yield
                child.send_signal(signal.SIGINT)
                self.ended[name] = child.wait(timeout=60.0)
            finally:
                child.kill()

    def is_synced(self) -> bool:
        """Tell whether git, agent and bot hold one content."""
        done = subprocess.run(
            ["quoteops", "gitops", "status", "--json"],
            cwd=self.place, env=self.env, capture_output=True, check=False,
        )  # fmt: skip
        shown = [one["sync"]["is"] for one in json.loads(done.stdout).values() if "sync" in one]
        return shown == ["Synced"]

    def wait(self, text: str) -> None:
        """Wait for what the README says that another terminal will show."""
        for command, (name, words) in AFTER.items():
            if command in text:
                log = self.log(name)
                until(words, partial(_holds, log, words), log=log)


def _holds(log: Path, words: str) -> bool:
    return words in log.read_text("utf-8", errors="replace")


def typed(desk: Desk, section: list[Block]) -> str:
    """Type a section's blocks in order and hold what it prints to what is printed; return the last output."""
    out = ""
    for block in section:
        if block.prints:
            check_printed(block.text, out)
        elif block.aside:
            desk.aside(block.text)
            desk.wait(block.text)
        else:
            out = desk.type_in("quoteops soak" if "<this repository>" in block.text else block.text)
            desk.wait(block.text)
    return out


@pytest.mark.parametrize(
    "section",
    [
        "Start",
        "Ten minutes: a proven improvement, merged",
        "Would wider spreads pay?",
        "Change a parameter the GitOps way",
    ],
)
def test_the_readme_is_true_word_by_word(tmp_path: Path, section: str) -> None:
    begun = time.monotonic()
    with ExitStack() as held:
        desk = Desk(tmp_path, held)
        typed(desk, blocks(section))
        if desk.log("bot").exists():
            until("one content everywhere", desk.is_synced, log=desk.log("agent"))
    assert set(desk.ended.values()) <= {0}
    for log in filter(Path.exists, (desk.log("agent"), desk.log("bot"))):
        assert re.search(r"STOPPED \| asked to by SIGINT", log.read_text("utf-8"))
    print(f"{section}: {time.monotonic() - begun:.0f} s")
