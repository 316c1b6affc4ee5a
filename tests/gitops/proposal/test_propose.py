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
from framework.gitops.proposal.source import Source
from framework.gitops.proposal.sources import read_source
from framework.gitops.repo.pull_request import open_pull_request
from framework.settings.compose import compose_run
from framework.settings.patch import parse_patch
from framework.settings.resolve import find_root
from framework.soak.sweep.ranking import level_for
from framework.soak.sweep.row import RankedRow, Standing
from framework.soak.sweep.table import SWEEP, Sweep
from tests.gitops.agent_cases import PATCH, START, World

DIGEST = "ab" * 32
SOURCES = {"soak.hours": "primary conf conf/soak.yaml"}
TOKEN = "ghp_" + "s3cret" * 4


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(*words: str, tape: str = "synthetic liquid_perp normal 3 h seed 7") -> dict[str, Any]:
    """Say what run.json says of a run of these words."""
    settings = compose_run(words=words, root=find_root(), environ={}).settings
    return {
        "status": "complete",
        "config_sha": settings.config_sha,
        "settings": settings.model_dump(mode="json"),
        "sources": {
            "soak.hours": "primary conf conf/soak.yaml",
            **{f"{w}": f"command line {w}" for w in words},
        },
        "runtime": {"tape": tape, "tape_digest": DIGEST},
        "tapes": {"SYNTHUSDT": DIGEST},
    }


def tuned_run(folder: Path, *, arms: tuple[float, float] = (0.4, 0.1), **more: Any) -> Path:
    """Leave what a soak leaves; ``arms`` are the markouts of tuning and of not tuning."""
    run = folder / "20260304T000000"
    totals = {
        "start_ns": 1_760_000_000_000_000_000,
        "end_ns": 1_760_010_800_000_000_000,
        "fills": 120,
        "net_bps": 0.8123,
        "markout_net_30s_bps": 0.3,
        "markout_net_30s_se_bps": 0.1,
    }
    about = {**told(), "verdict": "PASS", **more}
    beside = [
        {"arm": name, "markout_net_30s_bps": bps, "turnover_quote": 1e6, "fills": 100}
        for name, bps in zip(("tuned", "static"), arms, strict=True)
    ]
    for name, value in (
        ("run.json", about),
        ("reports/KPI_GATE.json", {"verdict": about["verdict"]}),
        ("reports/gates_summary.json", {"comparison": {"answer": "INCONCLUSIVE"}}),
        ("soak/TUNING_REPORT.json", {"enabled": True, "arms": beside}),
        ("reports/EDGE_REPORT.json", {"totals": totals}),
        ("soak/runtime_overrides.json", {"tail_age_ms": 700, "base_spread_bps_delta": 0.3}),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(json.dumps(value))
    return run


def sweep(folder: Path, *, proven: bool, run: dict[str, Any] | None = None, **values: Any) -> Path:
    """Leave what a sweep leaves; ``run`` is what run.json of its leader says of it."""
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
        planned=2,
        trials=2,
        level=level_for(trials=2),
        present="conf/",
        words=("params.tail_age_ms=650,800",),
        tapes=((DIGEST, 1_760_054_400_000_000_000, 1_760_065_200_000_000_000),),
        cells=(
            RankedRow(rank=1, cell=3, label="params.tail_age_ms=800", values=values, measured=standing),
            RankedRow(rank=2, cell=0, label="params.tail_age_ms=650", values={}, measured=standing),
        ),
    )
    write_json(path=folder / SWEEP, value=found.as_dict())
    row, _ = found.as_dict()["cells"]
    write_json(path=folder / "3" / "run.json", value={**(run or told()), "row": row})
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
        GitopsError, match=r"the best of 2 is NOT PROVEN against what runs, at least -4 USDT a day"
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
    assert "| trials | 2 |" in body
    assert "best of 2 (level 0.02532)" in body
    made = world.author.show(proposal.branch, PATCH)
    assert made is not None
    assert b"tail_age_ms: 800" in made


def test_what_takes_effect_at_a_restart_cannot_be_proposed_as_a_patch(tmp_path: Path) -> None:
    fee: dict[str, Any] = {"exchange.maker_fee_bps": 0.2}
    folder = sweep(tmp_path / "s", proven=True, **fee)
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


THIN_TAPE = "synthetic thin_spot normal 3 h seed 7"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (told("market.preset=thin_spot", tape=THIN_TAPE), "were found on preset thin_spot; allowed what it"),
        (
            {**told("market=tape", "market.path=x", tape="jf.dat.gz"), "tapes": {"NEXOUSDT": DIGEST}},
            "were found on NEXOUSDT; allowed what it trades",
        ),
        (
            {
                **told("market=tape", "market.path=x", "market.symbols=[BTCUSDT,ETHUSDT]", tape="a, b"),
                "tapes": {"BTCUSDT": DIGEST, "ETHUSDT": "cd" * 32},
            },
            "were found on BTCUSDT; allowed what it trades",
        ),
        (
            told("exchange.maker_fee_bps=2"),
            "were found with exchange.maker_fee_bps 2.0; allowed its own, 0.1",
        ),
        (told("exchange=bybit_v5"), "were found with exchange.venue bybit_v5; allowed its own, sim"),
    ],
    ids=["preset", "recording", "two recordings", "fee", "venue"],
)
def test_values_of_another_market_fee_or_venue_are_refused_and_nothing_is_pushed(
    world: World, tmp_path: Path, run: dict[str, Any], said: str
) -> None:
    pushed = branches(world)
    for folder in (
        sweep(tmp_path / "s", proven=True, run=run),
        tuned_run(tmp_path / "r", **{**run, "sources": SOURCES}),
    ):
        with pytest.raises(GitopsError, match=re.escape(said)):
            ask(world, read_source(folder, anyway=True))
    assert branches(world) == pushed


def fees_edited(run: dict[str, Any]) -> dict[str, Any]:
    settings = run["settings"]
    return {**run, "settings": {**settings, "exchange": {**settings["exchange"], "maker_fee_bps": 2.0}}}


def market_edited(run: dict[str, Any]) -> dict[str, Any]:
    settings = run["settings"]
    return {**run, "settings": {**settings, "market": {**settings["market"], "preset": "thin_spot"}}}


def of_another_schema(run: dict[str, Any]) -> dict[str, Any]:
    return {**run, "settings": {name: group for name, group in run["settings"].items() if name != "sizing"}}


@pytest.mark.parametrize(
    ("garbled", "said"),
    [
        (lambda run: {**run, "settings": None}, "does not say with which market, venue and fees it ran"),
        (lambda run: {**run, "settings": "as ever"}, "does not say with which market, venue and fees it ran"),
        (lambda run: {**run, "settings": {}}, "run.json: settings"),
        (of_another_schema, "settings.sizing is missing"),
        (fees_edited, "its settings are config"),
        (lambda run: {**run, "config_sha": None}, "it names None"),
        (market_edited, "its settings say synthetic thin_spot normal, its tape synthetic liquid_perp"),
        (lambda run: {**run, "tapes": {}}, "names no tapes"),
        (lambda run: {**run, "tapes": {"SYNTHUSDT": 7}}, "names no tapes"),
        (lambda run: {**run, "runtime": []}, "names no tapes"),
        (lambda run: {**run, "status": "incomplete"}, "allowed a complete run"),
    ],
)
def test_a_run_that_does_not_say_its_world_proposes_nothing_also_when_asked_to_anyway(
    tmp_path: Path, garbled: Any, said: str
) -> None:
    run = garbled(told())
    for folder in (sweep(tmp_path / "s", proven=True, run=run), tuned_run(tmp_path / "r", **run)):
        with pytest.raises(GitopsError, match=re.escape(said)) as refused:
            read_source(folder, anyway=True)
        assert "\n" not in str(refused.value)


def test_a_sweep_without_its_leaders_run_is_refused(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", proven=True)
    (folder / "3" / "run.json").unlink()
    with pytest.raises(GitopsError, match=r"3/run\.json: is missing, and it alone says on which market"):
        read_source(folder)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("verdict", "INCONCLUSIVE", "verdict is INCONCLUSIVE, by its own rows BETTER"),
        ("trials", 1, "trials is 1, by its own rows 2"),
        ("planned", 9, "planned is 9, by its own rows 2"),
        ("level", 0.05, "level is 0.05, by its own rows 0.0253206"),
        ("tapes", [], "names no tapes"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, name: str, value: Any, said: str) -> None:
    folder = sweep(tmp_path / "s", proven=True)
    table = json.loads((folder / SWEEP).read_text())
    write_json(path=folder / SWEEP, value={**table, name: value})
    with pytest.raises(GitopsError, match=re.escape(said)):
        read_source(folder, anyway=True)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("proven", True, "proven is True, by its own rows False"),
        ("values", {"params.tail_age_ms": 5}, "is not the run of params.tail_age_ms=800"),
        ("fills", 3_000, "is not the run of params.tail_age_ms=800"),
    ],
)
def test_a_row_that_was_edited_by_hand_is_refused(tmp_path: Path, name: str, value: Any, said: str) -> None:
    folder = sweep(tmp_path / "s", proven=False)
    table = json.loads((folder / SWEEP).read_text())
    table["cells"][0][name] = value
    write_json(path=folder / SWEEP, value=table)
    with pytest.raises(GitopsError, match=re.escape(said)):
        read_source(folder, anyway=True)


def test_several_symbols_leave_out_the_tape_of_each(tmp_path: Path) -> None:
    run = {**told(), "tapes": {"AUSDT": "12" * 32, "BUSDT": "34" * 32}}
    source = read_source(sweep(tmp_path / "s", proven=True, run=run))
    assert [window.tape for window in source.windows] == ["12" * 32, "34" * 32]


def test_a_failed_soak_and_one_that_loses_to_static_are_refused(tmp_path: Path) -> None:
    failed = tuned_run(tmp_path / "failed", verdict="FAIL")
    with pytest.raises(GitopsError, match="verdict is FAIL; allowed another one, or --anyway"):
        read_source(failed)
    assert read_source(failed, anyway=True).values
    lost = tuned_run(tmp_path / "lost", arms=(0.1, 0.4))
    with pytest.raises(GitopsError, match="tuned earns 10 after 30 s, not tuning 40"):
        read_source(lost)
    lines = "\n".join(read_source(lost, anyway=True).lines)
    assert "| arm static | 0.4 bps, 100 fills |" in lines


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", {"verdict": None}, "run.json: verdict is None"),
        ("run.json", {"verdict": "fine"}, "run.json: verdict is fine"),
        ("reports/KPI_GATE.json", {"verdict": "FAIL"}, "KPI_GATE.json: verdict is FAIL"),
        ("reports/gates_summary.json", {"comparison": {"answer": "WORSE"}}, "the run is WORSE beside what"),
        ("reports/gates_summary.json", {"comparison": {"answer": "TOO_QUIET"}}, "the run is TOO QUIET"),
        ("soak/TUNING_REPORT.json", {"arms": []}, "does not say what tuning earned beside not tuning"),
        ("soak/TUNING_REPORT.json", {"arms": [7, {"fills": 3}]}, "does not say what tuning earned"),
        ("soak/TUNING_REPORT.json", {"enabled": True, "arms": None}, "does not say what tuning earned"),
    ],
)
def test_what_a_soak_does_not_say_is_no_success(
    tmp_path: Path, file: str, content: dict[str, Any], said: str
) -> None:
    run = tuned_run(tmp_path)
    path = run / file
    write_json(path=path, value={**(json.loads(path.read_text()) if file == "run.json" else {}), **content})
    with pytest.raises(GitopsError, match=re.escape(said)):
        read_source(run)
    assert read_source(run, anyway=True).values


def test_what_was_never_tuned_loses_to_nothing(tmp_path: Path) -> None:
    run = tuned_run(tmp_path)
    write_json(path=run / "soak" / "TUNING_REPORT.json", value={"enabled": False, "arms": []})
    assert read_source(run).values


def test_a_proposal_keeps_its_words_its_world_and_what_was_tried_beside_what_varied(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", proven=True)
    table = json.loads((folder / SWEEP).read_text())
    table["words"] = ["strategy.base_half_spread_bps=10", "params.tail_age_ms=650,800", "soak.hours=24"]
    write_json(path=folder / SWEEP, value=table)
    source = read_source(folder)
    assert source.values == {"strategy.base_half_spread_bps": 10, "tail_age_ms": 800}
    text = "\n".join(source.lines)
    assert "| words | strategy.base_half_spread_bps=10 params.tail_age_ms=650,800 soak.hours=24 |" in text
    for row in ("market | preset liquid_perp", "venue | sim", "fees | maker 0.1, taker 5.5 bps", "seed | 7"):
        assert f"| {row} |" in text
    table["words"] = ["profile=moderate", "params.tail_age_ms=650,800"]
    write_json(path=folder / SWEEP, value=table)
    with pytest.raises(GitopsError, match="was found with profile=moderate, a choice of a file"):
        read_source(folder)
