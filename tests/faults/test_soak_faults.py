"""Bad input and bad luck, through the real command: one clear line, exit code 2, nothing half written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from framework.market.events import GAP
from framework.market.made import Made
from framework.market.store import write_tape
from framework.market.synthetic import generate
from framework.market.tape import Tape, content_digest
from tests.command import QUICK, environment, latest, line_of, only_run, private_copy, quoteops

posix = pytest.mark.skipif(os.name != "posix", reason="limits, signals and mounts are POSIX")
PAST_FIRST = "iter 1: "


@pytest.fixture(scope="module")
def tape() -> Tape:
    return generate(Made(preset="thin_spot", regime="normal", hours=0.15, seed=2))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return private_copy(tmp_path)


@pytest.fixture
def archive(root: Path, tape: Tape) -> Path:
    write_tape(tape=tape, root=root / "archive")
    return root / "archive" / "symbol=SYNTHUSDT"


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """Check that a refusal is one line and exit code 2; give the line."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stdout
    return lines[0].removeprefix("error: ")


def marked(run: Path) -> str:
    """Check that a run is marked incomplete and every file in it is whole; give the reason it states."""
    for path in run.rglob("*"):
        assert not path.name.endswith(".tmp"), path
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            assert all(json.loads(line) for line in path.read_text().splitlines())
    told = json.loads((run / "run.json").read_text())
    assert told["status"] == "incomplete"
    reason: str = told["reason"]
    return reason


# a tape that cannot be replayed


def cut_short(archive: Path) -> None:
    (events,) = archive.glob("date=*/events.parquet")
    events.write_bytes(events.read_bytes()[:-200])


def other_bytes(archive: Path) -> None:
    (events,) = archive.glob("date=*/events.parquet")
    events.write_bytes(b"ts,price\n1,2\n")


def inverse(archive: Path) -> None:
    sidecar = archive / "tape.json"
    told = json.loads(sidecar.read_text())
    told["instrument"]["kind"] = "inverse"
    sidecar.write_text(json.dumps(told))


def no_sidecar(archive: Path) -> None:
    (archive / "tape.json").unlink()


def untouched(_: Path) -> None:
    return


DAMAGES: dict[str, tuple[Callable[[Path], None], tuple[str, ...], tuple[str, ...]]] = {
    "truncated tape": (cut_short, (), ("events.parquet",)),
    "wrong format": (other_bytes, (), ("events.parquet",)),
    "lost sidecar": (no_sidecar, (), ("tape.json",)),
    "inverse contract": (inverse, (), ("SYNTHUSDT: kind is inverse; allowed linear or spot",)),
    "empty window": (
        untouched, ("market.start=2030-01-01T00:00:00Z",), ("no event from 2030-", "allowed a window"),
    ),
    "tape shorter than asked": (
        untouched, ("soak.hours=3",), ("3 h asked", "holds 0.15 h", "allowed up to that"),
    ),
    "unknown symbol": (
        untouched, ("market.symbol=NOPEUSDT",), ("symbol NOPEUSDT is unknown; allowed SYNTHUSDT",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGES)
def test_a_tape_that_cannot_be_replayed_is_refused(root: Path, archive: Path, what: str) -> None:
    damage, words, expected = DAMAGES[what]
    damage(archive)
    hours = () if any(word.startswith("soak.hours") for word in words) else ("soak.hours=tape",)
    done = quoteops(
        "soak", "market=tape", "market.path=archive", *hours, *words, root=root,
        env=environment(QUOTEOPS_CACHE=private_cache(root / "cache")),
    )  # fmt: skip
    line = the_line(done)
    for part in expected:
        assert part in line
    assert marked(only_run(root)) == line


def private_cache(folder: Path) -> str:
    """Make a cache folder of its own for tapes, with the compiled code where it is."""
    from framework.compiled.jit import cache_folder

    folder.mkdir()
    (folder / "compiled").symlink_to(cache_folder(Path(__file__)).parent, target_is_directory=True)
    return str(folder)


def test_a_gap_inside_an_iteration_is_refused(root: Path, tape: Tape) -> None:
    kind = tape.kind.copy()
    kind[len(kind) // 2] = GAP
    columns = {**tape.columns(), "kind": kind}
    meta = replace(tape.meta, digest=content_digest(instrument=tape.instrument, columns=columns))
    write_tape(tape=replace(tape, kind=kind, meta=meta), root=root / "archive")
    line = the_line(quoteops("soak", "market=tape", "market.path=archive", "soak.hours=tape", root=root))
    assert "the feed breaks at 2025-01-06T06:3" in line
    assert "inside iteration 3" in line or "inside iteration 4" in line
    assert "allowed a window without gaps" in line


def test_a_folder_without_a_tape_is_refused(root: Path) -> None:
    line = the_line(quoteops("soak", "market=tape", "market.path=conf", root=root))
    assert line.startswith("conf: no tape here; allowed ")


def test_a_recording_of_no_known_format_is_refused(root: Path) -> None:
    (root / "noise.gz").write_bytes(b"\x1f\x8b not really")
    line = the_line(quoteops("tape", "import", "noise.gz", root=root))
    assert "noise.gz" in line


# configuration that cannot be composed: nothing is started


def test_a_missing_conf_group_is_refused(root: Path) -> None:
    shutil.rmtree(root / "conf" / "guards")
    line = the_line(quoteops("soak", root=root))
    assert "conf/guards is missing or empty; allowed a folder with standard.yaml" in line
    assert not (root / "artifacts").exists()


def test_an_override_out_of_bounds_is_refused(root: Path) -> None:
    patch = root / "runtime_overrides" / "soak.yaml"
    patch.write_text(patch.read_text().replace("base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.9"))
    line = the_line(quoteops("soak", root=root))
    assert line.startswith("runtime_overrides/soak.yaml:")
    assert "base_spread_bps_delta is 0.9; allowed 0.0 to 0.6" in line
    line = the_line(quoteops("soak", "soak.overrides_file=null", "params.min_interval_ms=10", root=root))
    assert "params.min_interval_ms is 10; allowed 50 to 300" in line
    assert not (root / "artifacts").exists()


# a disk that is full

FULL_FROM = """
import errno, os
import framework.files.atomic as files
written, through = 0, files._write_through
def full(path, data):
    global written
    written += 1
    if written >= {n}:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    through(path, data)
files._write_through = full
"""


@pytest.mark.parametrize("n", [1, 12, 23])
def test_a_disk_full_from_any_write_on_leaves_the_run_marked(root: Path, n: int) -> None:
    # Five files an iteration, twelve reports, timing.json, run.json: 23 is timing.json.
    done = quoteops("soak", *QUICK, root=root, driver=FULL_FROM.format(n=n))
    line = the_line(done)
    assert line.endswith("cannot write: No space left on device")
    assert marked(only_run(root)).startswith("still running, or cut off")
    assert not (root / "artifacts" / "reports").exists()


def test_the_last_of_those_writes_is_the_mark_itself(root: Path) -> None:
    done = quoteops("soak", *QUICK, root=root, driver=FULL_FROM.format(n=24))
    assert "run.json: cannot write" in the_line(done)


@posix
def test_a_file_larger_than_the_limit_leaves_the_run_marked(root: Path) -> None:
    done = quoteops("soak", *QUICK, root=root, preexec_fn=lambda: limit_files(20_000))
    assert "cannot write: File too large" in the_line(done)
    assert "File too large" in marked(only_run(root))


def limit_files(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture
def small_disk(root: Path) -> Iterator[Path]:
    place = root / "artifacts"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)]
    if (
        os.name != "posix"
        or os.geteuid() != 0
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting a small disk needs the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_really_fills_up_leaves_the_run_marked(root: Path, small_disk: Path) -> None:
    line = the_line(quoteops("soak", *QUICK, root=root))
    assert "No space left on device" in line
    marked(only_run(root))


def test_a_place_that_cannot_hold_artifacts_is_refused(root: Path) -> None:
    (root / "artifacts").write_text("not a folder")
    line = the_line(quoteops("soak", *QUICK, root=root))
    assert "cannot create: " in line
    assert "allowed a folder that can be written (hydra.run.dir=...)" in line


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_refused(root: Path) -> None:
    (root / "artifacts").mkdir(mode=0o500)
    assert "Permission denied; allowed a folder that can be written" in the_line(
        quoteops("soak", *QUICK, root=root)
    )


# being stopped

SLOW = (
    "soak.hours=1",
    "soak.iterations=30",
    "soak.clock=wall",
    "soak.auto_tune=false",
    "market.preset=thin_spot",
)


def stopped(root: Path, *words: str, by: signal.Signals, after: str) -> tuple[int, str, str]:
    """Start the command, wait for a line with these words, send the signal; give code, stdout, stderr."""
    process = subprocess.Popen(
        line_of("soak", *words), cwd=root, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        while after not in said:
            said = process.stdout.readline()
            assert said, "the command ended too early"
        process.send_signal(by)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err
    finally:
        process.kill()
        process.wait()


@posix
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_run_in_real_time_that_is_stopped_reports_what_it_traded(root: Path, by: signal.Signals) -> None:
    words = ("soak.iterations=1000", *(word for word in SLOW if "iterations" not in word))
    code, out, err = stopped(root, *words, by=by, after="| soak_iter_artifacts |")
    assert code == 128 + by
    assert err == ""
    last = out.splitlines()[-4:]
    assert re.search(r"Z stopped on purpose after [\d.e-]+ h: the report is of what was traded$", last[0])
    assert [line.split()[1] for line in last[1:]] == ["report:", "better?", "KPI"]
    assert all(re.match(r"\S+Z ", line) for line in last)
    assert re.search(r"^(?:\S+Z )?\| soak \| STOPPED \| after [\d.e-]+ of 1 h: ", out, re.MULTILINE)
    run = only_run(root)
    told = json.loads((run / "run.json").read_text())
    assert told["status"] == "complete"
    assert 0.0 < told["stopped_after_h"] < 0.1
    report = json.loads((run / "reports" / "EDGE_REPORT.json").read_text())
    assert report["totals"]["hours"] == pytest.approx(told["stopped_after_h"])
    assert (run / "reports" / "report.html").is_file()
    assert latest(root, "soak") == run / "soak"


@posix
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_replay_that_is_stopped_says_so_and_is_marked(root: Path, by: signal.Signals) -> None:
    words = ("soak.hours=12", "soak.iterations=100", "market.preset=thin_spot")
    code, _, err = stopped(root, *words, by=by, after="soak: ")
    assert (code, err) == (2, f"error: interrupted; {only_run(root)} is marked incomplete\n")
    assert marked(only_run(root)) == "interrupted"


@posix
def test_a_replay_that_is_stopped_keeps_the_iterations_it_finished(root: Path) -> None:
    words = ("soak.hours=12", "soak.iterations=100", "market.preset=thin_spot")
    code, _, err = stopped(root, *words, by=signal.SIGINT, after=PAST_FIRST)
    assert code == 2
    assert err.startswith("error: interrupted; ")
    assert err.count("\n") == 1
    run = only_run(root)
    assert marked(run) == "interrupted"
    assert (run / "soak" / "iterations" / "ITER_SUMMARY_iter1.json").is_file()
    assert not (run / "reports" / "KPI_GATE.json").exists()


@posix
def test_a_run_that_is_killed_outright_is_marked_too(root: Path) -> None:
    code, _, _ = stopped(root, *SLOW, by=signal.SIGKILL, after="soak: ")
    assert code == -signal.SIGKILL
    assert marked(only_run(root)).startswith("still running, or cut off")


@posix
def test_a_sweep_that_is_stopped_keeps_its_cells(root: Path) -> None:
    words = ("-m", *QUICK[1:], "soak.hours=0.5", "soak.seed=" + ",".join(map(str, range(1, 7))))
    code, _, err = stopped(root, *words, by=signal.SIGINT, after="| soak_sweep |")
    assert code == 2
    assert err.startswith("error: interrupted; ")
    assert err.count("\n") == 1
    sweep = json.loads((only_run(root) / "SWEEP.json").read_text())
    assert sweep["status"] == "incomplete"
    assert 1 <= len(sweep["cells"]) < sweep["planned"] == 6


def test_two_commands_of_one_second_have_a_folder_each(root: Path) -> None:
    words = line_of("soak", *QUICK)
    several = [
        subprocess.Popen(
            words, cwd=root, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in several:
        assert process.wait(timeout=60) == 3
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()
    runs = sorted((root / "artifacts" / "runs" / "soak").iterdir())
    assert len(runs) == 2
    assert all(json.loads((run / "run.json").read_text())["status"] == "complete" for run in runs)


# the program contradicting itself

CONTRADICTION = """
import framework.session.replay as replay
from framework.engine.replay import EngineError
played = replay.SoakReplay.run
def broken(self, *args, **more):
    if self.done == 1:
        raise EngineError("replay at 7 ns: a ring of requests, reports or taken levels overflowed")
    return played(self, *args, **more)
replay.SoakReplay.run = broken
"""


def test_a_contradiction_ends_with_the_verdict_error(root: Path) -> None:
    done = quoteops("soak", *QUICK, root=root, driver=CONTRADICTION)
    assert the_line(done).startswith("replay at 7 ns: a ring")
    assert done.stdout.splitlines()[-1] == "| kpi_gate | ERROR | REASONS=INTERNAL |"
    run = only_run(root)
    marked(run)
    assert json.loads((run / "reports" / "KPI_GATE.json").read_text())["verdict"] == "ERROR"


def test_a_refusal_with_json_is_still_one_line_and_nothing_on_stdout(root: Path) -> None:
    done = quoteops("soak", "--json", "market=tape", "market.path=conf", root=root)
    the_line(done)
    assert done.stdout == ""


@posix
def test_a_run_that_is_killed_is_told_of_by_the_next(root: Path) -> None:
    words = ("soak.iterations=1000", *(word for word in SLOW if "iterations" not in word))
    code, _, _ = stopped(root, *words, by=signal.SIGKILL, after="| soak_iter_artifacts |")
    assert code == -signal.SIGKILL
    killed = only_run(root)
    with (killed / "edge" / "intents.jsonl").open("a") as file:
        file.write('{"row":"asked","sym')  # what a kill in the middle of a write leaves
    stopped(root, *words, by=signal.SIGKILL, after=f"| journal | CUT OFF | {killed.name}: ")
    assert marked(killed).startswith("cut off with ")
    assert (killed / "edge" / "intents.jsonl").read_text().splitlines()[-1].startswith('{"bytes":19,')
