"""One composed value: which layer wins, where each value came from, what is refused and how."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from framework.settings.errors import ConfigError
from framework.settings.overrides import parse_patch, read_patch, render_patch
from framework.settings.provenance import Layer
from tests.settings.conftest import REPOSITORY, Compose

Edit = Callable[[str, str, str], None]


def refusal(compose: Compose, *words: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        compose(*words, **environ)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_default_run_is_the_simulator_with_the_start_package(compose: Compose) -> None:
    composed = compose()
    s = composed.settings
    assert (s.exchange.venue, s.exchange.mode, s.market.kind, s.soak.hours) == (
        "sim",
        "paper",
        "synthetic",
        3.0,
    )
    assert s.exchange.api_key_env is None
    assert s.params.model_dump() == {
        "min_interval_ms": 70,
        "replace_rate_per_min": 280,
        "base_spread_bps_delta": 0.10,
        "tail_age_ms": 650,
        "impact_cap_ratio": 0.09,
        "max_delta_ratio": 0.14,
    }
    assert s.profile.inflight_max == 9
    assert s.kpi.decides == "scaled"
    assert composed.run_dir.is_relative_to(composed.root / "artifacts" / "runs" / "soak")


def test_every_layer_is_named_beside_the_value_it_won(compose: Compose, root: Path, edit: Edit) -> None:
    edit("runtime_overrides/soak.yaml", "  tail_age_ms: 650\n", "")
    edit("conf/soak.yaml", "  max_delta_ratio: null", "  max_delta_ratio: 0.12")
    edit("conf/market/tape.yaml", "end: null\n", "")
    composed = compose(
        "market=tape",
        "market.path=/archive",
        "params.min_interval_ms=90",
        SOAK_HOURS="1.5",
        MM_PROFILE="moderate",
    )
    sources = {key: composed.sources[key] for key in composed.sources}
    assert sources["market.end"].layer is Layer.DEFAULT
    assert str(sources["sizing.leverage"]) == "group file conf/sizing/standard.yaml:2"
    assert str(sources["market.kind"]) == "group file conf/market/tape.yaml:2 (chosen by market=tape)"
    assert str(sources["params.tail_age_ms"]) == "profile conf/profile/moderate.yaml:5 (chosen by MM_PROFILE)"
    assert str(sources["params.impact_cap_ratio"]) == "override file runtime_overrides/soak.yaml:8"
    assert str(sources["params.max_delta_ratio"]).startswith("primary conf conf/soak.yaml:")
    assert str(sources["soak.hours"]) == "environment SOAK_HOURS"
    assert str(sources["params.min_interval_ms"]) == "command line params.min_interval_ms=90"
    s = composed.settings
    assert (s.params.min_interval_ms, s.params.tail_age_ms, s.params.max_delta_ratio) == (90, 600, 0.12)
    assert s.soak.hours == 1.5
    assert {source.layer for source in sources.values()} == set(Layer)


def test_every_value_has_a_source_and_every_source_a_value(compose: Compose) -> None:
    composed = compose("tuning=off")
    data = composed.settings.model_dump(mode="json")
    for key in composed.sources:
        value = data
        for name in key.split("."):
            value = value[name]
    assert composed.sources["tuning.table"].layer is Layer.GROUP
    assert all(
        source.layer is not Layer.DEFAULT for key, source in composed.sources.items() if key[:3] != "kpi"
    )


def test_a_word_wins_over_the_environment(compose: Compose) -> None:
    composed = compose("soak.hours=2", "profile=conservative", SOAK_HOURS="9", MM_PROFILE="S1")
    assert composed.settings.soak.hours == 2.0
    assert composed.choices["profile"] == "conservative"
    assert composed.settings.profile.inflight_max == 5


def test_an_empty_variable_is_an_unset_one(compose: Compose) -> None:
    composed = compose(SOAK_HOURS="", MM_PROFILE="")
    assert (composed.settings.soak.hours, composed.choices["profile"]) == (3.0, "S1")


def test_without_an_overrides_file_the_profile_decides(compose: Compose) -> None:
    composed = compose("soak.overrides_file=null")
    assert composed.settings.params.base_spread_bps_delta == 0.35
    assert composed.sources["params.base_spread_bps_delta"].layer is Layer.PROFILE


def test_an_overrides_file_of_a_soak_is_read_as_json(compose: Compose, root: Path) -> None:
    (root / "out.json").write_text('{"min_interval_ms": 110}')
    composed = compose(f"soak.overrides_file={(root / 'out.json').as_posix()}")
    assert (composed.settings.params.min_interval_ms, composed.settings.params.tail_age_ms) == (110, 700)
    assert str(composed.sources["params.min_interval_ms"]) == "override file out.json:1"


def test_a_word_may_set_a_value_that_no_file_writes(compose: Compose, edit: Edit) -> None:
    edit(
        "conf/market/tape.yaml",
        "start: null                # 2025-10-13T00:00:00Z; null: where the tape starts\n",
        "",
    )
    composed = compose("market=tape", "market.path=/archive", "market.start=2025-10-13T00:00:00Z")
    assert composed.settings.market.model_dump()["start"] == "2025-10-13T00:00:00Z"


def test_the_run_folder_is_hydras(compose: Compose, tmp_path: Path) -> None:
    assert compose(f"hydra.run.dir={tmp_path.as_posix()}/x").run_dir == tmp_path / "x"


def test_the_hash_ignores_paths_seeds_and_windows_and_nothing_else(compose: Compose) -> None:
    tape = ("market=tape", "market.path=/one")
    here = compose(*tape).settings.config_sha
    elsewhere = compose(
        "market=tape",
        "market.path=/two",
        "market.start=2025-10-13T00:00:00Z",
        "soak.seed=8",
        "rollout.rng_seed=9",
    )
    assert elsewhere.settings.config_sha == here
    assert compose(*tape, "soak.overrides_file=null").settings.config_sha != here
    assert compose(*tape, "strategy.tick_ms=0").settings.config_sha != here
    assert compose(*tape, "params.min_interval_ms=71").settings.config_sha != here


def test_the_hash_depends_on_values_and_not_on_where_they_were_written(compose: Compose, edit: Edit) -> None:
    before = compose().settings.config_sha
    edit("conf/sizing/standard.yaml", "leverage: 10.0", "leverage: 10   # ten")
    edit("conf/profile/S1.yaml", "base_spread_bps_delta: 0.35", "base_spread_bps_delta: 0.34")  # overridden
    assert compose().settings.config_sha == before
    assert compose("sizing.leverage=10").settings.config_sha == before


def test_settings_are_frozen(compose: Compose) -> None:
    settings = compose().settings
    with pytest.raises(ValidationError):
        settings.sizing = settings.sizing


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("profil=S1", "command line: profil is unknown; allowed profile, exchange"),
        (
            "profile=S2",
            "command line: conf/profile has no S2; allowed S1, conservative, moderate; did you mean S1?",
        ),
        ("params.min_interval=90", "did you mean min_interval_ms?"),
        ("profile.min_interval_ms=90", "is a run-time parameter; allowed params.min_interval_ms=..."),
        ("profile.spread_mult=2", "did you mean spread_multiplier?"),
        ("kpi.hard=5", "kpi.hard is a group of values"),
        ("sizing.leverage=${oc.env:HOME}", "allowed plain values"),
        ("sizing._target_=os.system", "allowed plain values"),
        ("+sizing.extra=1", "is not a word of the form key=value"),
        ("~sizing", "is not a word of the form key=value"),
        ("--hours", "is not a word of the form key=value"),
    ],
)
def test_a_word_that_means_nothing_is_refused(compose: Compose, word: str, said: str) -> None:
    assert said in refusal(compose, word)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["params.min_interval_ms=9"], "command line: params.min_interval_ms is 9; allowed 50 to 300 (ms, "),
        (["params.base_spread_bps_delta=nan"], "params.base_spread_bps_delta is nan; allowed 0.0 to 0.6"),
        (["sizing.leverage=true"], "sizing.leverage is true; allowed 1.0 to 100.0"),
        (["sizing.leverage=010"], "sizing.leverage is 010; allowed 1.0 to 100.0"),
        (["sizing.leverage=5", "sizing.leverage=6"], "sizing.leverage is given twice"),
        (["params.min_interval_ms=60,80"], "gives several values; allowed one value, or -m"),
        (["params.min_interval_ms=["], "params.min_interval_ms=[ cannot be read"),
        (["market=tape"], "conf/market/tape.yaml:3: path has no value yet: say market.path=..."),
        (
            ["market.path=/x"],
            "market.path does not belong to this kind of market; allowed kind, preset, regime, symbol",
        ),
        (["market.kind=film"], "market.kind is film; allowed synthetic, tape"),
        (["market.symbols=[AUSDT,AUSDT]"], "market.symbols: AUSDT, AUSDT names a symbol twice; allowed each"),
        (
            ["market.symbols=AUSDT"],
            "market.symbols is AUSDT; allowed a list of a symbol like BTCUSDT or null",
        ),
        (
            ["market=tape", "market.path=[/a,/b]"],
            "market.path lists 2 archives for 0 of market.symbols; allowed one archive for all, or one for",
        ),
        (
            ["market=tape", "market.path=/a", "market.symbol=AUSDT", "market.symbols=[BUSDT]"],
            "market.symbol and market.symbols are both given; allowed one of them",
        ),
        (
            ["market.symbol=AUSDT", "market.symbols=[BUSDT,CUSDT]"],
            "command line: market.symbol beside market.symbols; allowed one of them",
        ),
        (["market=tape", "market.path=/x", "market.start=2025-02-30T00:00:00Z"], "allowed a real moment"),
        (["soak.hours=tape"], "soak.hours is tape but market is synthetic; use market=tape"),
        (["soak.hours=forever"], "soak.hours is forever; allowed above 0.0 to 720.0 or tape"),
        (["soak.overrides_file=absent.yaml"], "allowed a patch file that exists, or null"),
        (["strategy.stages=[fetch_md,spraed,emit]"], "allowed a list of fetch_md, spread, guards"),
        (["strategy.stages=[spread,emit]"], "strategy: stages is spread, emit; allowed fetch_md, spread"),
        (["md_cache.ttl_ms=100"], "md_cache.ttl_ms"),
        (["exchange.mode=real"], "mode is real but venue is sim"),
        (["exchange=paper", "exchange.mode=real"], "mode is real without api_key_env and api_secret_env"),
        (
            ["kpi.decides=scald"],
            "kpi.decides is scald; allowed audit_3h, readiness, scaled, weekly; did you mean scaled?",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(compose: Compose, words: list[str], said: str) -> None:
    assert said in refusal(compose, *words)


def test_a_secret_typed_where_its_name_belongs_is_not_repeated(compose: Compose) -> None:
    message = refusal(compose, "exchange.api_key_env=aBcD1234")
    assert "aBcD1234" not in message
    assert "value not shown" in message


def test_real_money_needs_the_mode_the_venue_and_named_secrets(compose: Compose) -> None:
    assert compose("exchange=bybit_v5").settings.exchange.mode == "paper"
    assert compose("exchange=bybit_v5", EXCHANGE_MODE="real").settings.exchange.mode == "real"
    assert compose("exchange=sim", EXCHANGE_MODE="real").settings.exchange.mode == "paper"
    assert "api_key_env" in refusal(compose, "exchange=paper", EXCHANGE_MODE="real")
    message = refusal(compose, "exchange=bybit_v5", EXCHANGE_MODE="live")
    assert message.startswith("environment: EXCHANGE_MODE (exchange.mode) is live; allowed paper, real")


def test_a_bad_variable_is_named(compose: Compose) -> None:
    assert "environment MM_PROFILE: conf/profile has no S2" in refusal(compose, MM_PROFILE="S2")
    assert "environment: SOAK_HOURS (soak.hours) is soon" in refusal(compose, SOAK_HOURS="soon")
    assert "environment: SOAK_HOURS (soak.hours): 03 reads differently" in refusal(compose, SOAK_HOURS="03")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "conf/sizing/standard.yaml",
            "leverage: 10.0",
            "leverage: 900",
            "standard.yaml:2: leverage is 900; allowed 1.0 to",
        ),
        (
            "conf/sizing/standard.yaml",
            "leverage",
            "levrage",
            "standard.yaml:2: levrage is unknown; allowed leverage",
        ),
        (
            "conf/sizing/standard.yaml",
            "leverage: 10.0\n",
            "",
            "conf/sizing/standard.yaml: leverage is missing",
        ),
        (
            "conf/sizing/standard.yaml",
            "leverage: 10.0",
            "leverage: 1e999",
            "standard.yaml:2: 1e999 is too large",
        ),
        ("conf/exchange/sim.yaml", "post_only: true", "post_only: yes", "sim.yaml:4: yes reads differently"),
        (
            "conf/sizing/standard.yaml",
            "10.0",
            "${oc.env:HOME}",
            "standard.yaml:2: leverage is ${oc.env:HOME}; allowed plain",
        ),
        (
            "conf/sizing/standard.yaml",
            "10.0",
            "${oc.env:HOME,1}",
            "where NAME is EXCHANGE_MODE, EXCHANGE_VENUE",
        ),
        (
            "conf/sizing/standard.yaml",
            "10.0",
            "${oc.env:SOAK_HOURS,${oc.env:HOME,1}}",
            "allowed plain values",
        ),
        ("conf/sizing/standard.yaml", "10.0", "${profile.inflight_max}", "allowed plain values"),
        (
            "conf/sizing/standard.yaml",
            "10.0",
            "{_target_: os.system}",
            "standard.yaml:2: _target_ is not allowed",
        ),
        (
            "conf/sizing/standard.yaml",
            "leverage: 10.0",
            "defaults: [x]",
            "defaults; allowed in a primary conf only",
        ),
        (
            "conf/sizing/standard.yaml",
            "# Small",
            "# @package _global_\n# Small",
            "standard.yaml:1: @package moves values",
        ),
        (
            "conf/guards/standard.yaml",
            "levels: 3",
            "levels: 0",
            "standard.yaml:9: liquidity_by_side.levels is 0; allowed 1 to 50",
        ),
        (
            "conf/profile/S1.yaml",
            "tail_age_ms: 700",
            "tail_age_ms: 7",
            "S1.yaml:5: tail_age_ms is 7; allowed 400 to 1000",
        ),
        ("conf/soak.yaml", "- sizing: standard", "- sizing: big", "conf/sizing has no big; allowed standard"),
        ("conf/soak.yaml", "- sizing: standard", "- siizing: standard", "conf/siizing is missing or empty"),
        (
            "conf/soak.yaml",
            "- sizing: standard",
            "- sizing: ${oc.env:HOME,x}",
            "defaults.sizing is ${oc.env:HOME,x}",
        ),
        ("conf/soak.yaml", "- sizing: standard", "- /hydra/callbacks: x", "is not a choice"),
        ("conf/soak.yaml", '"on"', "on", "on reads differently to different readers"),
        ("conf/soak.yaml", "chdir: false", "env_set: {A: b}", "hydra.job.env_set.A is not for conf files"),
        (
            "conf/soak.yaml",
            "output_subdir: null",
            "callbacks: {x: {_target_: os.system}}",
            "_target_ is not allowed",
        ),
        (
            "conf/soak.yaml",
            "dir: artifacts/runs/soak/${now",
            "dir: ${oc.env:HOME,x}/${now",
            "allowed plain values",
        ),
        (
            "runtime_overrides/soak.yaml",
            "650",
            "65",
            "runtime_overrides/soak.yaml:8: tail_age_ms is 65; allowed 400 to 1000",
        ),
    ],
)
def test_a_fault_in_a_file_is_said_with_file_line_and_key(
    compose: Compose, edit: Edit, name: str, old: str, new: str, said: str
) -> None:
    edit(name, old, new)
    assert said in refusal(compose)


def test_a_hydra_folder_in_conf_is_refused(compose: Compose, root: Path) -> None:
    (root / "conf" / "hydra" / "launcher").mkdir(parents=True)
    assert refusal(compose).startswith("conf/hydra: is not allowed")


def test_outside_a_repository_the_root_is_not_found(tmp_path: Path) -> None:
    from framework.settings.resolve import find_root

    assert find_root(REPOSITORY / "conf" / "kpi") == REPOSITORY
    with pytest.raises(ConfigError, match=r"no conf/soak\.yaml here or in a folder above"):
        find_root(tmp_path)


FLAT = "MM_RUNTIME_OVERRIDES_JSON"
DOTTED = "  max_delta_ratio: 0.14\n  sizing.max_position_quotes: 1\n  rollout.mode: canary\n"
TRIED = "rollout.candidate.tail_age_ms=700"


def test_an_overrides_file_reaches_every_field_that_changes_while_running(
    compose: Compose, edit: Edit
) -> None:
    edit("runtime_overrides/soak.yaml", "  max_delta_ratio: 0.14\n", DOTTED)
    composed = compose("rollout=full", TRIED)
    assert composed.settings.sizing.max_position_quotes == 1.0
    assert composed.settings.rollout.mode == "canary"
    where = "override file runtime_overrides/soak.yaml:11"
    assert str(composed.sources["sizing.max_position_quotes"]) == where


def test_a_word_wins_over_a_dotted_override(compose: Compose, edit: Edit) -> None:
    edit("runtime_overrides/soak.yaml", "  max_delta_ratio: 0.14\n", DOTTED)
    composed = compose("sizing.max_position_quotes=3", "rollout.mode=full", TRIED)
    assert (composed.settings.sizing.max_position_quotes, composed.settings.rollout.mode) == (3.0, "full")
    assert composed.sources["rollout.mode"].layer is Layer.COMMAND_LINE


def test_overrides_that_contradict_the_rest_are_refused_with_their_line(compose: Compose, edit: Edit) -> None:
    edit("runtime_overrides/soak.yaml", "  max_delta_ratio: 0.14\n", "  sizing.notional_cap_usd: 100\n")
    assert "sizing: quote_notional_usd is 250; allowed up to notional_cap_usd, 100" in refusal(compose)
    assert compose("sizing.quote_notional_usd=90").settings.sizing.notional_cap_usd == 100.0


def test_the_variable_wins_over_the_file_and_a_word_over_the_variable(compose: Compose, edit: Edit) -> None:
    edit("conf/soak.yaml", "tail_age_ms: null", "tail_age_ms: 600")
    values = {"min_interval_ms": 80, "tail_age_ms": 500, "sizing.leverage": 4, "replace_rate_per_min": 200}
    composed = compose("params.min_interval_ms=90", **{FLAT: json.dumps(values)})
    settings = composed.settings
    assert (settings.params.min_interval_ms, settings.params.tail_age_ms) == (90, 500)
    assert (settings.params.replace_rate_per_min, settings.sizing.leverage) == (200, 4.0)
    assert str(composed.sources["params.tail_age_ms"]) == f"environment {FLAT}"
    assert str(composed.sources["sizing.leverage"]) == f"environment {FLAT}"
    assert composed.sources["params.min_interval_ms"].layer is Layer.COMMAND_LINE
    assert composed.sources["params.impact_cap_ratio"].layer is Layer.OVERRIDES


def test_a_bad_variable_of_overrides_is_refused(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(**{FLAT: '{"tail_age_ms": 5}'})
    assert str(caught.value).startswith(f"environment: {FLAT} (tail_age_ms) is 5; allowed 400 to 1000")
    with pytest.raises(ConfigError, match=r"takes effect at a restart only"):
        compose(**{FLAT: '{"exchange.mode": "real"}'})


def test_another_patch_takes_the_place_of_the_file_below_words_and_variable(compose: Compose) -> None:
    composed = compose("params.min_interval_ms=90", **{FLAT: '{"tail_age_ms": 500}'})
    patch = parse_patch(
        '{"min_interval_ms": 200, "tail_age_ms": 900, "max_delta_ratio": 0.2}', where="live.json", json=True
    )
    settings = composed.patched(patch)
    params = settings.params
    assert (params.min_interval_ms, params.tail_age_ms, params.max_delta_ratio) == (90, 500, 0.2)
    assert params.impact_cap_ratio == composed.patched(None).params.impact_cap_ratio == 0.10  # the profile's
    assert composed.settings.params.impact_cap_ratio == 0.09  # the file's


def test_a_file_rendered_by_an_agent_composes_like_the_file_it_was_made_of(
    compose: Compose, root: Path
) -> None:
    patch = read_patch(root / "runtime_overrides" / "soak.yaml", root=root)
    live = replace(patch, environment="paper", commit="c0ffee", generation=3)
    (root / "live.json").write_text(render_patch(live))
    rendered = compose(f"soak.overrides_file={(root / 'live.json').as_posix()}")
    assert rendered.settings.config_sha == compose().settings.config_sha
