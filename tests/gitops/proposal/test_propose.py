"""Proposals: into a real bare remote, and to a real HTTP server that answers as GitHub does."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from framework.files.atomic import write_json
from framework.gates.comparison import Answer
from framework.gitops.change.classify import classify
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.proposal.propose import propose
from framework.gitops.proposal.sources import Source, read_source
from framework.gitops.repo.pull_request import open_pull_request
from framework.settings.patch import parse_patch
from framework.soak.sweep.row import RankedRow, Standing
from framework.soak.sweep.table import SWEEP, Sweep
from tests.gitops.agent_cases import PATCH, START, World

DIGEST = "ab" * 32
TOKEN = "ghp_" + "s3cret" * 4


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def tuned_run(folder: Path, **more: Any) -> Path:
    """Leave what a soak leaves."""
    run = folder / "20260304T000000"
    totals = {
        "start_ns": 1_760_000_000_000_000_000,
        "end_ns": 1_760_010_800_000_000_000,
        "fills": 120,
        "net_bps": 0.8123,
        "markout_net_30s_bps": 0.3,
        "markout_net_30s_se_bps": 0.1,
    }
    about = {"status": "complete", "verdict": "PASS", "tapes": {"SYNTHUSDT": DIGEST}, "seed": 7, **more}
    for name, value in (
        ("run.json", about),
        ("reports/EDGE_REPORT.json", {"totals": totals}),
        ("soak/runtime_overrides.json", {"tail_age_ms": 700, "base_spread_bps_delta": 0.3}),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(json.dumps(value))
    return run


def sweep(folder: Path, *, proven: bool, **values: Any) -> Path:
    """Leave what a sweep leaves."""
    standing = Standing(
        verdict="PASS",
        net_bps=0.8,
        net_bps_lower=0.3,
        net_bps_upper=1.3,
        markout_net_30s_bps=0.9,
        markout_net_30s_se_bps=0.2,
        markout_blocks=40.0,
        fills=300,
        turnover_quote=1e5,
        answer="BETTER" if proven else "INCONCLUSIVE",
        bar_per_day=3.0 if proven else -4.0,
        quote="USDT",
        lower_bps=0.5,
        deflated_lower_bps=0.2 if proven else -0.1,
        proven=proven,
        turnover_vs_first=1.1,
        same_as=None,
    )
    values = values or {"params.tail_age_ms": 800}
    found = Sweep(
        complete=True,
        verdict=Answer.BETTER if proven else Answer.INCONCLUSIVE,
        planned=64,
        trials=64,
        level=0.0008,
        present="conf/",
        words=("params.tail_age_ms=650,800",),
        tapes=((DIGEST, 1_760_054_400_000_000_000, 1_760_065_200_000_000_000),),
        cells=(RankedRow(rank=1, cell=3, label="params.tail_age_ms=800", values=values, measured=standing),),
    )
    write_json(path=folder / SWEEP, value=found.as_dict())
    return folder


def ask(world: World, source: Source | None, **more: Any) -> Any:
    return propose(world.state_dir, remote=str(world.remote), source=source, now=START, **more)


FILE, TRIED = "gitops/environments/sandbox.yaml", "runtime_overrides/sandbox.try.yaml"


def rolled_out(world: World, mode: str, values: str = "{tail_age_ms: 700}") -> None:
    """Commit a candidate and how far it is out."""
    text = world.author.show("main", FILE)
    assert text is not None
    file = text.decode().replace("rollout: disabled", f"rollout: {mode}  # being tried")
    file = file.replace("candidate: null", f"candidate: {TRIED}")
    patch = f"reason: slower quotes earn more\nowner: us\noverrides: {values}\n"
    world.commit({FILE: file.encode(), TRIED: patch.encode()})


def test_promoting_makes_the_candidate_the_baseline_in_one_commit_that_moves_nothing(world: World) -> None:
    rolled_out(world, "full")
    made = ask(world, None)
    with Revision.open(world.author, "main") as old, Revision.open(world.author, made.branch) as new:
        was, now = old.settings("sandbox"), new.settings("sandbox")
        report = classify(old, new, "sandbox", now=START)
    assert was.candidate is not None
    assert now.config_sha == was.candidate.config_sha
    assert (now.rollout.mode, now.rollout.candidate) == ("disabled", None)
    assert (report.verdict, report.classification, report.refusals) == ("check", "reducing", ())
    file = world.author.show(made.branch, FILE)
    assert file is not None
    assert b"rollout: disabled  # being tried" in file
    assert "promotes runtime_overrides/sandbox.try.yaml: slower quotes earn more" in made.body.read_text()


def test_without_a_candidate_nothing_is_promoted(world: World) -> None:
    with pytest.raises(GitopsError, match=r"sandbox\.yaml: names no candidate to promote"):
        ask(world, None)


def test_a_tuned_package_becomes_a_branch_that_keeps_the_comments(world: World, tmp_path: Path) -> None:
    text = "# ours\nreason: before  # why\nowner: desk\noverrides:\n  tail_age_ms: 650  # ms\n"
    world.commit({PATCH: text.encode()})
    proposal = ask(world, read_source(tuned_run(tmp_path)))
    made = world.author.show(proposal.branch, PATCH)
    assert made is not None
    assert made.decode().startswith("# ours\nreason: tuned in soak 20260304T000000  # why\nowner: desk\n")
    assert "  tail_age_ms: 700  # ms\n" in made.decode()
    patch = parse_patch(made.decode(), where=PATCH)
    assert patch.values == {"tail_age_ms": 700, "base_spread_bps_delta": 0.3}
    (window,) = patch.tuned_on
    assert (window.tape, window.start.isoformat()) == (DIGEST, "2025-10-09T08:53:20+00:00")
    assert proposal.branch.startswith("quoteops/proposal-sandbox-")
    log = world.author.run("log", "-1", "--format=%s", proposal.branch).decode()
    assert log.startswith("feat(sandbox): 2 values")
    body = proposal.body.read_text()
    assert "| `tail_age_ms` | 650 | 700 | ms | none | hot |" in body
    assert "PASS" in body


def test_the_file_inside_a_run_stands_for_the_run(tmp_path: Path) -> None:
    run = tuned_run(tmp_path)
    assert read_source(run / "soak" / "runtime_overrides.json") == read_source(run)
    assert read_source(run / "soak") == read_source(run)


def test_a_second_tuning_adds_its_window_to_the_first(world: World, tmp_path: Path) -> None:
    first = ask(world, read_source(tuned_run(tmp_path)))
    world.author.run("update-ref", "refs/heads/main", first.commit)
    second = ask(world, read_source(sweep(tmp_path / "s", proven=True)))
    made = world.author.show(second.branch, PATCH)
    assert made is not None
    assert len(parse_patch(made.decode(), where=PATCH).tuned_on) == 2


def test_proposing_twice_gives_one_branch(world: World, tmp_path: Path) -> None:
    source = read_source(tuned_run(tmp_path))
    first, second = ask(world, source), ask(world, source)
    assert first.branch == second.branch
    heads = world.author.run("for-each-ref", "--format=%(refname)", "refs/heads").decode().split()
    assert len(heads) == 2


def test_a_sweep_that_proved_nothing_is_refused_unless_asked_for_anyway(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", proven=False)
    with pytest.raises(
        GitopsError, match=r"the best of 64 is NOT PROVEN against what runs, at least -4 USDT a day"
    ):
        read_source(folder)
    source = read_source(folder / "SWEEP.json", anyway=True)
    assert any("Nothing is proven" in line for line in source.lines)


def broken(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Leave a key out of a table, or of its first cell."""
    found["cells"][0].pop(name, None)
    return {key: value for key, value in found.items() if key != name or name in ("verdict",)}


@pytest.mark.parametrize(
    "name", ["status", "verdict", "trials", "level", "tapes", "cells", "label", "values", "proven", "fills"]
)
def test_a_table_with_a_key_missing_is_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    path = sweep(tmp_path / "s", proven=True) / SWEEP
    path.write_text(json.dumps(broken(json.loads(path.read_text()), name)))
    with pytest.raises(GitopsError, match=rf"SWEEP\.json: is no table of a sweep .*{name}") as refused:
        read_source(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ["many", None, True, [1]])
def test_a_table_with_a_value_of_another_kind_is_refused(tmp_path: Path, value: Any) -> None:
    path = sweep(tmp_path / "s", proven=True) / SWEEP
    found = json.loads(path.read_text())
    found["cells"][0]["turnover_quote"] = value
    path.write_text(json.dumps(found))
    with pytest.raises(GitopsError, match="turnover_quote is"):
        read_source(path)


def test_the_number_of_trials_is_in_the_body(world: World, tmp_path: Path) -> None:
    proposal = ask(world, read_source(sweep(tmp_path / "s", proven=True)))
    body = proposal.body.read_text()
    assert "| trials | 64 |" in body
    assert "best of 64 (level 0.0008)" in body
    made = world.author.show(proposal.branch, PATCH)
    assert made is not None
    assert b"tail_age_ms: 800" in made


def test_what_takes_effect_at_a_restart_cannot_be_proposed_as_a_patch(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", proven=True, **{"exchange.maker_fee_bps": 0.2})
    with pytest.raises(GitopsError, match="restart"):
        read_source(folder)


def test_a_run_that_was_cut_off_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(GitopsError, match="allowed a complete run"):
        read_source(tuned_run(tmp_path, status="incomplete"))


@pytest.mark.parametrize("report", ["{}", '{"totals": {"start_ns": 1}}', '{"totals": 1}'])
def test_a_report_without_totals_is_named(tmp_path: Path, report: str) -> None:
    run = tuned_run(tmp_path)
    (run / "reports" / "EDGE_REPORT.json").write_text(report)
    with pytest.raises(GitopsError, match=r"EDGE_REPORT.json: no totals to read \(.*\); allowed what a run"):
        read_source(run)


def test_values_that_are_there_already_are_nothing_to_propose(world: World, tmp_path: Path) -> None:
    patch = tmp_path / "same.yaml"
    patch.write_text("reason: r\nowner: o\noverrides: {tail_age_ms: 650}\n")
    with pytest.raises(GitopsError, match="has these values already"):
        ask(world, read_source(patch))


# -- the pull request ----------------------------------------------------------------------------------------


@dataclass
class Host:
    """A code host of one repository."""

    url: str = ""
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)


@contextmanager
def code_host(*answers: tuple[int, Any]) -> Iterator[Host]:
    host = Host(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer("POST", body)

        def do_GET(self) -> None:
            self._answer("GET", None)

        def _answer(self, method: str, body: Any) -> None:
            host.asked.append((method, self.path, dict(self.headers), body))
            status, data = host.answers.pop(0)
            text = json.dumps(data).encode()
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", host.url + "/elsewhere")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened(host: Host, *, token: str | None = TOKEN) -> str:
    return open_pull_request(
        remote="git@github.com:desk/quotes.git",
        branch="quoteops/proposal-sandbox-1",
        base="main",
        title="t",
        body="b",
        token=token,
        environ={"GITHUB_API_URL": host.url},
    )


def test_with_a_token_the_pull_request_is_opened() -> None:
    with code_host((201, {"html_url": "https://host/desk/quotes/pull/1"})) as host:
        assert opened(host) == "https://host/desk/quotes/pull/1"
    ((method, path, headers, body),) = host.asked
    assert (method, path) == ("POST", "/repos/desk/quotes/pulls")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert body == {"title": "t", "head": "quoteops/proposal-sandbox-1", "base": "main", "body": "b"}


def test_one_that_is_open_already_is_found() -> None:
    with code_host((422, {"message": "exists"}), (200, [{"html_url": "https://host/pull/1"}])) as host:
        assert opened(host) == "https://host/pull/1"
    assert "head=desk%3Aquoteops%2Fproposal-sandbox-1" in host.asked[1][1]


@pytest.mark.parametrize("answer", [(401, {"message": "Bad credentials"}), (302, {}), (201, {}), (500, None)])
def test_a_refusal_is_one_line_without_the_token(answer: tuple[int, Any]) -> None:
    with code_host(answer) as host, pytest.raises(GitopsError) as caught:
        opened(host)
    assert len(host.asked) == 1  # a redirect is not followed: the token would go along
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_token_that_is_no_header_is_not_shown() -> None:
    with code_host() as host, pytest.raises(GitopsError) as caught:
        opened(host, token=f"{TOKEN}\nX: y")
    assert "s3cret" not in str(caught.value)


def test_a_token_goes_over_https_alone() -> None:
    with pytest.raises(GitopsError, match="is not https"):
        open_pull_request(
            remote="https://github.com/desk/quotes", branch="b", base="m", title="t", body="b", token=TOKEN,
            environ={"GITHUB_API_URL": "http://example.com"},
        )  # fmt: skip


def test_without_a_token_nothing_is_asked() -> None:
    assert open_pull_request(remote="x", branch="b", base="m", title="t", body="b", token=None) == ""


def test_the_whole_way_from_a_run_to_a_pull_request(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from framework.cli.main import main

    with code_host((201, {"html_url": "https://host/pull/7"})) as host:
        monkeypatch.setenv("GITHUB_API_URL", host.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", "desk/quotes")
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        words = ["--environment", "sandbox", "--remote", str(world.remote), "--home", str(world.home)]
        assert main(["gitops", "propose", "--from", str(tuned_run(tmp_path)), *words]) == 0
    said = capsys.readouterr().out
    assert "https://host/pull/7" in said
    assert TOKEN not in said
    assert host.asked[0][3]["head"].startswith("quoteops/proposal-sandbox-")


def test_a_proposal_that_the_policy_will_refuse_says_so_at_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from framework.cli.main import main

    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    words = ["--environment", "sandbox", "--remote", str(world.remote), "--home", str(world.home)]
    patch = tmp_path / "patch.yaml"
    patch.write_text("reason: r\nowner: o\noverrides:\n  tail_age_ms: 660\n")
    assert main(["gitops", "propose", "--from", str(patch), *words]) == 0
    assert "| gitops_propose | CHECK | GATE: the paired gate decides" in capsys.readouterr().out
    pushed = branches(world)
    patch.write_text("reason: r\nowner: o\noverrides:\n  tail_age_ms: 1000\n")
    assert main(["gitops", "propose", "--from", str(patch), *words]) == 2
    said = capsys.readouterr().err
    assert "sandbox: the check refuses it, so nothing is pushed: sandbox: tail_age_ms goes" in said
    assert branches(world) == pushed


def branches(world: World) -> str:
    """List what the remote holds."""
    done = subprocess.run(["git", "ls-remote", str(world.remote)], capture_output=True, text=True, check=True)
    return done.stdout


LIQUID = {"kind": "synthetic", "preset": "liquid_perp"}
SIM = {"venue": "sim", "maker_fee_bps": 0.1, "taker_fee_bps": 5.5, "fee_in_base": False}


def settings_of(*, market: dict[str, Any] = LIQUID, **exchange: Any) -> dict[str, Any]:
    return {"market": market, "exchange": {**SIM, **exchange}, "soak": {"seed": 7}}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            settings_of(market={"kind": "tape", "preset": None}),
            "were found on NEXOUSDT; allowed what it trades",
        ),
        (settings_of(maker_fee_bps=2.0), "were found with exchange.maker_fee_bps 2.0; allowed its own, 0.1"),
        (settings_of(venue="bybit_v5"), "were found with exchange.venue bybit_v5; allowed its own, sim"),
    ],
)
def test_values_of_another_market_fee_or_venue_are_refused_and_nothing_is_pushed(
    world: World, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    folder = sweep(tmp_path / "s", proven=True)
    run = {"settings": settings, "runtime": {"tape": "NEXOUSDT binance spot"}}
    write_json(path=folder / "3" / "run.json", value=run)
    pushed = branches(world)
    with pytest.raises(GitopsError, match=re.escape(said)):
        ask(world, read_source(folder))
    assert branches(world) == pushed


def test_a_failed_soak_and_one_that_loses_to_static_are_refused(tmp_path: Path) -> None:
    failed = tuned_run(tmp_path / "failed", verdict="FAIL")
    with pytest.raises(GitopsError, match="verdict is FAIL; allowed another one, or --anyway"):
        read_source(failed)
    assert read_source(failed, anyway=True).values
    lost = tuned_run(tmp_path / "lost")
    arms = [
        {"arm": name, "markout_net_30s_bps": bps, "turnover_quote": 1e6, "fills": 100}
        for name, bps in (("tuned", 0.1), ("static", 0.4))
    ]
    write_json(path=lost / "soak" / "TUNING_REPORT.json", value={"arms": arms})
    with pytest.raises(GitopsError, match="tuned earns 10 after 30 s, not tuning 40"):
        read_source(lost)
    lines = "\n".join(read_source(lost, anyway=True).lines)
    assert "| arm static | 0.4 bps, 100 fills |" in lines


def test_a_proposal_keeps_its_words_its_world_and_what_was_tried_beside_what_varied(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", proven=True)
    table = json.loads((folder / SWEEP).read_text())
    table["words"] = ["strategy.base_half_spread_bps=10", "params.tail_age_ms=650,800", "soak.hours=24"]
    write_json(path=folder / SWEEP, value=table)
    write_json(path=folder / "3" / "run.json", value={"settings": settings_of()})
    source = read_source(folder)
    assert source.values == {"strategy.base_half_spread_bps": 10, "tail_age_ms": 800}
    text = "\n".join(source.lines)
    assert "| words | strategy.base_half_spread_bps=10 params.tail_age_ms=650,800 soak.hours=24 |" in text
    assert "| market | preset liquid_perp |" in text
    assert "| fees | maker 0.1, taker 5.5 bps |" in text
    table["words"] = ["profile=moderate", "params.tail_age_ms=650,800"]
    write_json(path=folder / SWEEP, value=table)
    with pytest.raises(GitopsError, match="was found with profile=moderate, a choice of a file"):
        read_source(folder)
