"""A soak on the wall clock as its agent and its scrapers see it: bot.json, live fills, metrics, markers."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from framework.compiled.records import interpreted
from framework.files.atomic import sha256_of, write_atomic
from framework.session.errors import SoakError
from framework.settings.compose import compose_run
from framework.settings.environment import compose_environment
from framework.settings.errors import ConfigError
from framework.units import SECOND
from tests.command import environment, private_copy, soaked

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")

WORDS = (
    "soak.clock=wall",
    "soak.environment=sandbox",
    "soak.iterations=1",
    "soak.auto_tune=false",
)
LONG, SHORT = (*WORDS, "soak.hours=0.1"), (*WORDS, "soak.hours=0.01")


class Staged:
    """Real time that passes in no time but stops at given moments (s) until what happens then is done."""

    def __init__(self, stages: dict[float, Callable[[], Any]]) -> None:
        self.now, self.stages = 0, stages

    def now_ns(self) -> int:
        self.now += 20_000
        return self.now

    def sleep_until(self, ns: int) -> None:
        self.now = max(self.now, ns) + 1_000_000
        for due in [s for s in self.stages if s * SECOND <= self.now]:
            self.stages.pop(due)()


class Agent:
    """What keeps the overrides of the environment in force, and what it sees of the bot."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "artifacts" / "gitops" / "sandbox"
        self.text = ""

    def put(self, text: str) -> None:
        self.text = text
        live = self.folder / "live" / "overrides.json"
        write_atomic(path=live, data=text, staging=self.folder / "staging")
        time.sleep(0.3)  # the watcher has seen it; the run's own clock stands still meanwhile

    def rendered(self, commit: str, generation: int, **values: Any) -> str:
        patch = {"overrides": values, "reason": "r", "owner": "o", "commit": commit, "generation": generation}
        return json.dumps(patch)

    def bot(self) -> Any:
        return json.loads((self.folder / "bot.json").read_text())


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(private_copy(tmp_path))


def test_a_merged_override_is_in_force_in_the_next_fills_and_a_broken_one_never(agent: Agent) -> None:
    seen: list[Any] = []
    good = agent.rendered("c1", 1, base_spread_bps_delta=0.05)
    broken = agent.rendered("c2", 2, base_spread_bps_delta=7.0)

    def look() -> None:
        time.sleep(0.2)
        seen.append(agent.bot())

    clock = Staged(
        {
            60.0: lambda: agent.put(good),
            200.0: lambda: agent.put(broken),
            # a heartbeat comes once a second of real time: let one pass
            210.0: lambda: time.sleep(1.1),
            220.0: look,
        }
    )
    result, folder, said = soaked(agent.root, *LONG, clock=clock)
    (applied,) = [line for line in said if line.startswith("| reload | APPLIED")]
    assert "commit=c1" in applied
    assert len([line for line in said if line.startswith("| reload | REFUSED")]) == 1
    in_force = result.versions[-1].config_sha
    assert f"config_sha={in_force[:12]}" in applied
    trades = [json.loads(line) for line in (folder / "edge" / "trades.jsonl").read_text().splitlines()]
    assert trades[-1]["config_sha"] == in_force
    assert trades[0]["config_sha"] == result.settings.config_sha != in_force
    (while_broken,) = seen
    assert while_broken["in_force"] | {"since": ""} == {
        "config_sha": in_force,
        "overrides_sha": sha256_of(good),
        "commit": "c1",
        "generation": 1,
        "since": "",
    }
    assert while_broken["refused"]["overrides_sha"] == sha256_of(broken)
    assert "base_spread_bps_delta is 7.0; allowed" in while_broken["refused"]["reason"]
    assert while_broken["health"] == "degraded"
    assert (while_broken["environment"], while_broken["run"]) == ("sandbox", folder.name)
    last = agent.bot()
    assert last["fills"] == len(trades)
    assert last["last_fill"]["config_sha"] == in_force
    assert sorted(p.name for p in (agent.folder / "live").iterdir()) == ["overrides.json"]


def test_a_run_starts_from_what_its_agent_keeps_in_force(agent: Agent) -> None:
    agent.put(agent.rendered("c0", 9, base_spread_bps_delta=0.33))
    result, _, said = soaked(agent.root, *SHORT, clock=Staged({}))
    assert result.settings.params.base_spread_bps_delta == 0.33
    assert not [line for line in said if line.startswith("| reload |")]
    bot = agent.bot()
    assert bot["in_force"]["overrides_sha"] == sha256_of(agent.text)
    assert (bot["in_force"]["commit"], bot["in_force"]["generation"]) == ("c0", 9)
    assert (bot["health"], bot["pending"], bot["refused"]) == ("healthy", [], None)
    assert result.packages[-1].base_spread_bps_delta == 0.33


def test_fills_and_audit_rows_are_appended_while_the_run_goes_on(agent: Agent) -> None:
    grown: list[int] = []
    audited: list[str] = []

    def look() -> None:
        time.sleep(0.2)  # the rows of the beat before are being written
        (trades,) = agent.root.glob("artifacts/runs/soak/*/edge/trades.jsonl")
        grown.append(len(trades.read_text().splitlines()))
        audited[:] = (trades.parents[1] / "soak" / "audit.jsonl").read_text().splitlines()

    later: dict[float, Callable[[], Any]] = {s: lambda: time.sleep(1.1) for s in (150.0, 300.0)}
    _, folder, _ = soaked(agent.root, *LONG, clock=Staged({**later, 150.1: look, 300.1: look}))
    whole = (folder / "edge" / "trades.jsonl").read_text().splitlines()
    assert 0 < grown[0] < grown[1] <= len(whole)
    assert 0 < len(audited) < len(final := (folder / "soak" / "audit.jsonl").read_text().splitlines())
    assert audited == final[: len(audited)]
    assert all(json.loads(line)["mid_after_1s"] is not None for line in whole[: grown[1]])


def test_a_run_leaves_sampled_ticks_with_how_late_they_were(agent: Agent) -> None:
    result, folder, _ = soaked(agent.root, *SHORT, clock=Staged({20.0: lambda: time.sleep(0.5)}))
    rows = [json.loads(line) for line in (folder / "edge" / "feeds" / "ticks.jsonl").read_text().splitlines()]
    told = json.loads((folder / "timing.json").read_text())["feeds"]
    assert told["ticks"]["rows"] == len(rows) > 0
    assert len(rows) + told["ticks"]["dropped"] == result.totals.counters["ticks"] // 10
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)
    assert {row["symbol"] for row in rows} == {result.market.tape.instrument.symbol}
    assert all(0.0 <= row["lag_ms"] <= row["tick_total_ms"] for row in rows)
    assert agent.bot()["feeds"]["ticks"]["dropped"] == told["ticks"]["dropped"]


def test_a_waiting_value_is_shown_with_its_class(agent: Agent) -> None:
    seen: list[Any] = []
    patch = agent.rendered("c1", 1, **{"sizing.leverage": 2.0})
    stages: dict[float, Callable[[], Any]] = {float(s): lambda: agent.put(patch) for s in (120,)}
    stages |= {120.02: lambda: time.sleep(0.3), 120.04: lambda: seen.append(agent.bot())}
    result, _, said = soaked(agent.root, *LONG, clock=Staged(stages))
    assert any(line.startswith("| reload | PENDING | commit=c1") for line in said)
    if seen[0]["pending"]:  # else the position was nothing within those milliseconds
        assert seen[0]["pending"] == [{"name": "sizing.leverage", "value": 2.0, "class": "flat_only"}]
    assert {reload.fields for reload in result.reloads} >= {("sizing.leverage",)}


def test_the_metrics_of_a_run_are_served_while_it_goes_on(agent: Agent) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    said: list[str] = []
    found: dict[str, float] = {}

    def scrape() -> None:
        (line,) = [line for line in said if line.startswith("| metrics | SERVED | ")]
        with urlopen(line.split()[5], timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            for family in families:
                for sample in family.samples:
                    found[sample.name + "".join(sample.labels.values())] = sample.value

    stages: dict[float, Callable[[], Any]] = {
        5.0: lambda: agent.put(agent.rendered("c1", 4, base_spread_bps_delta=0.1)),
        10.0: lambda: agent.put("{"),
        20.0: lambda: time.sleep(1.2),
        21.0: scrape,
    }
    from framework.settings.compose import compose_run
    from framework.soak.run import run_soak

    words = (*SHORT, "soak.metrics_port=0")
    composed = compose_run(words=words, root=agent.root, environ={})
    run_soak(composed=composed, log=said.append, clock=Staged(stages))
    assert found["overrides_generation"] == 4.0
    assert found["overrides_reload_totalapplied"] == 1.0
    assert found["overrides_reload_totalrefused"] == 1.0
    assert found["overrides_invalid"] == 1.0
    assert found["overrides_last_good_age_s"] > 0.0
    assert found["reload_latency_s_count"] == 1.0
    assert found["bot_healthy"] == 0.5


def test_a_replay_of_an_environment_is_no_bot(agent: Agent) -> None:
    words = [word for word in SHORT if word != "soak.clock=wall"]
    soaked(agent.root, *words)
    assert not (agent.folder / "bot.json").exists()


def test_a_full_disk_costs_the_diary_and_not_the_run(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from framework.files.errors import FileError
    from framework.session import status_writer as bot

    def full(**_: Any) -> None:
        raise FileError("bot.json: cannot write: No space left on device")

    monkeypatch.setattr(bot, "write_json", full)
    result, _, _ = soaked(agent.root, *SHORT, clock=Staged({5.0: lambda: time.sleep(1.1)}))
    assert result.whole is not None
    alerts = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [alert["alert"] for alert in alerts] == ["diary_not_written"]


def test_a_bot_says_on_every_line_how_it_stands_and_at_its_end_that_it_was_meant(agent: Agent) -> None:
    agent.put(agent.rendered("c0", 9, base_spread_bps_delta=0.33))
    _, _, said = soaked(agent.root, *SHORT, clock=Staged({5.0: lambda: time.sleep(1.1)}))
    begun = next(n for n, line in enumerate(said) if line.startswith("| bot | HEALTHY | trading |"))
    ended = next(
        n for n, line in enumerate(said) if line.startswith("| bot | STOPPED | its hours are over |")
    )
    assert begun < ended - 1
    assert all("fill" in line and "base_spread_bps_delta=0.33" in line for line in said[begun : ended + 1])
    assert "position" not in said[ended + 1]
    bot = agent.bot()
    assert f"{bot['fills']} fill" in said[ended]
    assert f"PnL {bot['pnl']:+.2f} {bot['quote']}" in said[ended]
    assert bot["stopped"] | {"at": ""} == {"at": "", "why": "its hours are over", "on_purpose": True}


def test_a_bot_that_breaks_off_does_not_say_that_it_was_meant(agent: Agent) -> None:
    def broken() -> None:
        raise RuntimeError("the desk is on fire")

    with pytest.raises(RuntimeError):
        soaked(agent.root, *SHORT, clock=Staged({20.0: broken}))
    bot = agent.bot()
    assert bot["stopped"] | {"at": ""} == {
        "at": "",
        "why": "broke off: the desk is on fire",
        "on_purpose": False,
    }
    assert bot["health"] == "degraded"


@pytest.mark.parametrize(
    ("fault", "limit"), [(errno.EMFILE, "max_user_instances"), (errno.ENOSPC, "max_user_watches")]
)
def test_a_limit_of_watches_is_no_fault_of_the_overrides(
    agent: Agent,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: int,
    limit: str,
) -> None:
    from framework.settings import watch

    def none_left() -> Any:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(watch, "_observer", none_left)
    soaked(agent.root, *SHORT, clock=Staged({}))
    (said,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (said["alert"], said["severity"]) == ("overrides_polled", "warning")
    assert f"live: cannot be watched: the limit fs.inotify.{limit}" in said["text"]


def test_a_second_bot_of_an_environment_is_refused_while_the_first_lives(agent: Agent) -> None:
    refused: list[str] = []

    def second() -> None:
        with pytest.raises(SoakError) as caught:
            soaked(agent.root, *SHORT, clock=Staged({}))
        refused.append(str(caught.value))

    soaked(agent.root, *SHORT, clock=Staged({5.0: second}))
    (said,) = refused
    assert f"sandbox has a bot already; allowed one at a time ({agent.folder}/.bot.json.lock: is held" in said
    assert f"another process ({os.getpid()}, since 20" in said
    soaked(agent.root, *SHORT, clock=Staged({}))


def test_the_place_of_a_bot_that_died_is_free(agent: Agent) -> None:
    code = (
        "import os; from pathlib import Path; from framework.session.alone import alone\n"
        "with alone(home=Path(), environment='sandbox'): os._exit(9)"
    )
    died = subprocess.run([sys.executable, "-c", code], cwd=agent.root, env=environment(), check=False)
    assert died.returncode == 9
    assert (agent.folder / ".bot.json.lock").read_text().strip()
    soaked(agent.root, *SHORT, clock=Staged({}))


def test_a_run_of_an_environment_is_composed_as_its_file_says_and_words_win(agent: Agent) -> None:
    def composed(*words: str) -> Any:
        return compose_run(words=words, root=agent.root, environ={})

    found = composed("soak.environment=production")
    assert found.choices["profile"] == "conservative"
    assert found.settings.config_sha == compose_environment(agent.root, "production").settings.config_sha
    assert composed("soak.environment=production", "profile=moderate").choices["profile"] == "moderate"
    with pytest.raises(
        ConfigError, match="has no sandbx; allowed paper, production, sandbox, thin; did you mean"
    ):
        composed("soak.environment=sandbx")
