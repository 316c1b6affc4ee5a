"""The ten minutes of the README, block by block in a fresh clone: a proven improvement is merged and runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.command import REPOSITORY, environment
from tests.e2e.test_control_loop import pytestmark, read, until
from tests.e2e.workflow import git

__all__ = ["pytestmark"]

SECTION = "## Ten minutes: a proven improvement, merged"
BLOCK = re.compile(r"^```sh( \(another terminal\))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[bool, str]]:
    """Give the section's commands in order, and whether each has a terminal of its own."""
    section = (REPOSITORY / "README.md").read_text(encoding="utf-8").split(SECTION)[1].split("\n## ")[0]
    return [(bool(aside), text) for aside, text in BLOCK.findall(section)]


@contextmanager
def terminal(text: str, *, desk: Path, env: dict[str, str], log: Path) -> Iterator[None]:
    """Run a block in a terminal of its own until the caller has seen enough."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            f"exec {text}", shell=True, cwd=desk, env=env, stdout=out, stderr=subprocess.STDOUT
        ) as child,
    ):
        try:
            yield
        finally:
            child.terminate()


def test_the_readme_ends_in_a_merged_and_proven_improvement(tmp_path: Path) -> None:
    desk = tmp_path / "quoteops"
    git("clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(desk))
    git("-C", str(desk), "checkout", "--quiet", "-B", "main")
    place = desk / "artifacts" / "gitops" / "thin"
    path = os.pathsep.join((str(Path(sys.prefix) / "bin"), os.environ["PATH"]))
    env = {**environment(), "PATH": path, "PYTHONPATH": str(desk)}
    begun = time.monotonic()
    (_, ask), (_, prove), (agent_aside, agent), (bot_aside, bot), (_, merge), (_, ask_status) = blocks()
    assert agent_aside
    assert bot_aside

    names: list[str] = []

    def type_in(text: str, *, tries: bool = False) -> str:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join((*names, text))],
            cwd=desk, env=env, capture_output=True, text=True, timeout=300.0, check=False,
        )  # fmt: skip
        assert tries or done.returncode == 0, done.stdout + done.stderr
        names.extend(
            line for line in text.splitlines() if re.match(r"\w+=", line)
        )  # one shell remembers them
        return done.stdout

    swept, proven = type_in(ask), type_in(prove)
    assert "BETTER: " in swept
    assert "next: quoteops gitops propose --environment thin --from artifacts/runs/soak/sweep-" in swept
    assert "better? THINUSDT: BETTER +" in proven
    assert "\nPASS: " in proven
    print(swept, proven, sep="\n")
    with terminal(agent, desk=desk, env=env, log=tmp_path / "agent.log"):
        until(
            "a first content",
            lambda: (place / "live" / "overrides.json").is_file(),
            log=tmp_path / "agent.log",
        )
        log = tmp_path / "bot.log"
        with terminal(bot, desk=desk, env=env, log=log):
            until(
                "the bot",
                lambda: (read(place / "bot.json") or {}).get("in_force", {}).get("config_sha"),
                log=log,
            )
            type_in(merge)
            until("the reload", lambda: "| reload | APPLIED |" in log.read_text(encoding="utf-8"), log=log)
            until(
                "one content everywhere", lambda: "thin  Synced" in type_in(ask_status, tries=True), log=log
            )
            print(type_in(ask_status))
    print(f"from the clone to the change in force: {time.monotonic() - begun:.0f} s")
