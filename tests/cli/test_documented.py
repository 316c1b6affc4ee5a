"""The commands of the first runner's documents, as they stand there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.cli.documented import translated
from framework.cli.main import main
from framework.settings.errors import ConfigError
from tests.command import only_run, private_copy, quoteops

HAND = """{
  "min_interval_ms": 75,
  "replace_rate_per_min": 280,
  "base_spread_bps_delta": 0.10,
  "tail_age_ms": 650,
  "impact_cap_ratio": 0.09,
  "max_delta_ratio": 0.14
}
"""
FLAGS = (
    "--hours", "0.1", "--iterations", "2", "--auto-tune",
    "--export-json", "artifacts/reports/soak_metrics.json",
    "--export-md", "artifacts/reports/SOAK_RESULTS.md",
    "--gate-summary=out/gates_summary.json",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return private_copy(tmp_path)


@pytest.mark.parametrize("before", ["folder", "older run"])
def test_the_documented_soak_reads_what_was_written_by_hand_and_leaves_what_is_read(
    root: Path, before: str
) -> None:
    if before == "older run":
        quoteops("soak", "--hours=0.1", "--iterations=2", "market.preset=thin_spot", root=root)
        older = only_run(root)
        older.rename(older.with_name("older"))
    (root / "artifacts" / "soak").mkdir(parents=True, exist_ok=True)
    (root / "artifacts" / "soak" / "runtime_overrides.json").write_text(HAND)
    done = quoteops("soak", *FLAGS, "market.preset=thin_spot", root=root)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith(
        "| overrides | INPUT | artifacts/soak/runtime_overrides.json was written by hand: this run"
    )
    (run,) = (path for path in (root / "artifacts" / "runs" / "soak").iterdir() if path.name != "older")
    kept = json.loads((run / "run.json").read_text())
    assert kept["settings"]["params"]["min_interval_ms"] == 75
    assert kept["settings"]["soak"]["hours"] == 0.1
    source = "override file artifacts/soak/runtime_overrides.json:2"
    assert kept["sources"]["params.min_interval_ms"] == source
    for name in ("reports/EDGE_REPORT.json", "reports/KPI_GATE.json", "reports/soak_metrics.json",
                 "reports/SOAK_RESULTS.md", "soak/summary.txt", "soak/metrics.jsonl", "soak/audit.jsonl",
                 "soak/runtime_overrides.json", "edge/trades.jsonl"):  # fmt: skip
        assert (root / "artifacts" / name).read_bytes() == (run / name).read_bytes(), name
    assert (root / "out" / "gates_summary.json").read_bytes() == (
        run / "reports" / "gates_summary.json"
    ).read_bytes()
    extend(root, run)


def extend(root: Path, run: Path) -> None:
    """Run the third command of the documents: it finds its inputs, and nothing to change."""
    before = (run / "reports" / "EDGE_REPORT.json").read_bytes()
    done = quoteops(
        "edge", "report", "--inputs", "artifacts/EDGE_REPORT.json", "--audit", "artifacts/soak/audit.jsonl",
        "--out-json", "artifacts/reports/EDGE_REPORT.json", root=root,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (root / "artifacts" / "reports" / "EDGE_REPORT.json").read_bytes() == before


def test_a_folder_in_the_place_of_the_overrides_is_refused_before_anything_is_played(root: Path) -> None:
    (root / "artifacts" / "soak" / "runtime_overrides.json").mkdir(parents=True)
    done = quoteops("soak", *FLAGS[:4], root=root)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.endswith("runtime_overrides.json: is not a plain file; allowed a file, or nothing\n")
    assert not (root / "artifacts" / "runs").exists()


def test_a_start_that_is_named_wins_and_what_is_wrong_is_one_line(root: Path) -> None:
    (root / "artifacts" / "soak").mkdir(parents=True)
    file = root / "artifacts" / "soak" / "runtime_overrides.json"
    file.write_text(HAND.replace("75", "7"))
    wrong = quoteops("soak", *FLAGS[:4], root=root)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith(
        "error: artifacts/soak/runtime_overrides.json:2: min_interval_ms is 7; allowed 50 to 300"
    )
    done = quoteops("soak", *FLAGS[:4], "market.preset=thin_spot", "soak.overrides_file=null", root=root)
    assert done.returncode == 3
    assert (
        "| overrides | IGNORED | artifacts/soak/runtime_overrides.json was written by hand, but"
        in done.stdout
    )
    assert file.read_text() != HAND


def test_documented_flags_are_words() -> None:
    words, exports = translated(["--hours", "3", "--iterations=6", "--auto-tune", "profile=S1", "--json"])
    assert words == ["soak.hours=3", "soak.iterations=6", "soak.auto_tune=true", "profile=S1", "--json"]
    assert exports == {}
    with pytest.raises(ConfigError, match=r"--hours needs a value; allowed --hours N, or the word"):
        translated(["--hours", "--auto-tune"])


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--iteration", "the word soak.iterations=N, or --iterations"),
        ("--hour=3", "the word soak.hours=N, or --hours"),
        ("--autotune", "the word soak.auto_tune=true, or --auto-tune"),
        ("--export-jsn", "--export-json"),
        ("--profile", "a word, like profile=conservative"),
    ],
)
def test_a_misspelt_flag_is_answered_with_the_word_that_means_it(
    flag: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["soak", flag]) == 2
    assert capsys.readouterr().err.endswith(f"; did you mean {meant}?\n")


def test_a_folder_to_export_to_is_refused_before_the_soak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["soak", "--hours=0.1", f"--export-json={tmp_path}"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: quoteops soak: {tmp_path} is a folder; allowed a file to export to\n")
