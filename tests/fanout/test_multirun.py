"""A multirun's lists of values become cells, all handed over at once with the way to spread them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from framework.fanout.multirun import multirun
from framework.fanout.spread import Spread
from framework.settings.compose import compose_run
from framework.settings.compose_many import compose_cells
from framework.settings.errors import ConfigError
from tests.command import REPOSITORY, private_copy


class Notes:
    """An app that notes its cells and composes them."""

    def __init__(self) -> None:
        self.cells: list[tuple[str, ...]] = []
        self.spread: Spread | None = None

    def batch(self, *, cells: Sequence[Sequence[str]], spread: Spread) -> list[Any]:
        self.cells, self.spread = [tuple(words) for words in cells], spread
        composed = compose_cells(primary="soak", cells=cells, root=REPOSITORY, environ={})
        return [(c.settings.params.min_interval_ms, c.settings.kpi.name) for c in composed]


def run(tmp_path: Path, *words: str) -> tuple[Notes, list[Any]]:
    app = Notes()
    return app, run_in(REPOSITORY, app, tmp_path, *words)


def run_in(root: Path, app: Notes, tmp_path: Path, *words: str) -> list[Any]:
    return multirun(primary="soak", words=words, app=app, sweep_dir=tmp_path / "sweep", root=root, environ={})


def test_every_combination_is_a_cell_in_the_order_of_the_words(tmp_path: Path) -> None:
    app, found = run(tmp_path, "params.min_interval_ms=60,80", "kpi=scaled,audit_3h", "soak.iterations=2")
    assert found == [(60, "scaled"), (60, "audit_3h"), (80, "scaled"), (80, "audit_3h")]
    assert app.spread == Spread(backend="pool")
    assert "soak.iterations=2" in app.cells[0]


@pytest.mark.parametrize(
    ("words", "spread"),
    [
        (["hydra/launcher=ray", "hydra.launcher.address=127.0.0.1:1"], Spread("ray", None, "127.0.0.1:1")),
        (["hydra/launcher=pool", "hydra.launcher.workers=3"], Spread("pool", 3)),
        (["hydra/launcher=serial"], Spread("serial")),
    ],
)
def test_a_launcher_is_chosen_by_a_word(tmp_path: Path, words: list[str], spread: Spread) -> None:
    assert run(tmp_path, "params.min_interval_ms=60,80", *words)[0].spread == spread


def test_another_launcher_in_the_primary_conf_is_refused(tmp_path: Path) -> None:
    root = private_copy(tmp_path)
    conf = root / "conf" / "soak.yaml"
    text = conf.read_text()
    assert "override hydra/launcher: pool" in text
    conf.write_text(text.replace("override hydra/launcher: pool", "override hydra/launcher: serial"))
    app = Notes()
    run_in(root, app, tmp_path, "params.min_interval_ms=60,80")
    assert app.spread == Spread("serial")
    conf.write_text(text.replace("override hydra/launcher: pool", "override hydra/launcher: basic"))
    with pytest.raises(
        ConfigError, match=r"conf/soak.yaml: hydra/launcher is none of ours; allowed pool, ray"
    ):
        run_in(root, Notes(), tmp_path, "params.min_interval_ms=60,80")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("params.min_interval_ms=60,800", "params.min_interval_ms is 800; allowed 50 to 300"),
        ("kpi=scaled,scald", "conf/kpi has no scald"),
        ("params.min_intervl_ms=60,80", "did you mean min_interval_ms?"),
        (
            "hydra/launcher=pol",
            "hydra/launcher=pol is no launcher; allowed pool, ray, serial; did you mean pool?",
        ),
        ("hydra.launcher.worker=3", "hydra.launcher.worker=3 means nothing to a sweep; allowed"),
        ("hydra/sweeper=basic", "hydra/sweeper=basic means nothing to a sweep; allowed"),
    ],
)
def test_a_bad_word_is_refused(tmp_path: Path, word: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, word)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("profile=conservative", "rollout=canary", "params.max_delta_ratio=1e-1"),
        (
            "rollout=canary",
            "rollout.candidate.tail_age_ms=700",
            "rollout.candidate.sizing.max_position_quotes=2",
        ),
        ("params.base_spread_bps_delta=0.1", "soak.hours=tape", "market=tape", "market.path='a b/c'"),
        ("soak.overrides_file=null", "guards.loss_halt_usd=12", "exchange.fee_in_base=true"),
        ("strategy.stages=[spread,emit]",),
        ("tuning.table.rows={a: 1}",),
    ],
)
def test_a_cell_is_composed_or_refused_as_a_run_of_its_words_is(words: tuple[str, ...]) -> None:
    def said(compose: Callable[[], Any]) -> Any:
        try:
            found = compose()
        except ConfigError as error:
            return str(error)
        return found.settings, found.sources, found.raw, found.choices

    alone = said(lambda: compose_run(words=words, root=REPOSITORY, environ={}))
    assert alone == said(lambda: compose_cells(primary="soak", cells=[words], root=REPOSITORY, environ={})[0])


@pytest.mark.parametrize("name", ["o'brien", "a, b", 'say "x"', "a=b {c} [d]", "it's ${now:x}"])
def test_a_sweep_starts_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    app = Notes()
    assert len(run_in(REPOSITORY, app, tmp_path / name, "params.min_interval_ms=60,80")) == 2
    assert (tmp_path / name / "sweep" / "multirun.yaml").is_file()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("60,,80", "cannot be read"),
        ("60,", "cannot be read"),
        ("range(60,80", "cannot be read"),
        ("[60,,80]", "cannot be read"),
        ("'60,80", "cannot be read"),
        ("range(60,80,0)", "cannot be read"),
        ("interval(60,80)", "names no values one by one"),
        ("glob(*)", "names no values one by one"),
        ("range(80,60)", "lists no values"),
    ],
)
def test_a_slip_in_a_list_is_one_line_with_the_word_as_typed(tmp_path: Path, values: str, said: str) -> None:
    word = f"params.min_interval_ms={values}"
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, "hydra/launcher=serial", word)
    assert str(caught.value).startswith(f"command line: {word} {said}; allowed one value, A,B,C,")


@pytest.mark.parametrize(
    "values", ["60,80", "choice(60,80)", "range(60,81,20)", "shuffle(60,60)", "sort(80,60)"]
)
def test_a_list_is_given_in_several_ways(tmp_path: Path, values: str) -> None:
    assert len(run(tmp_path, f"params.min_interval_ms={values}")[1]) == 2
