"""What the live file states: enough that a bot comes to the same settings whatever it was started from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from framework.gitops.desired.history import Applied
from framework.gitops.desired.rendered import Rendered, read_rendered, store_rendered, successor
from framework.settings.overrides import parse_patch
from tests.gitops.agent_cases import START

NAMES = ("a", "b", "c")
fields = st.fixed_dictionaries({name: st.integers(0, 2) for name in NAMES})
asked = st.lists(st.tuples(fields, st.sets(st.sampled_from(NAMES))), min_size=1, max_size=6)


def rendered(values: dict[str, int], stated: set[str], n: int) -> Rendered:
    return Rendered(
        environment="sandbox",
        commit=f"commit-{n}",
        config_sha=str(sorted(values.items())),
        generation=0,
        cause="commit",
        patch={"reason": "r", "owner": "o"},
        values={name: values[name] for name in sorted(stated)},
        fields=values,
    )


def applied(item: Rendered) -> Applied:
    return Applied(
        START, item.commit, item.config_sha, item.overrides_sha, item.generation, "commit", item.carried
    )


@given(asked=asked, lost=st.integers(0, 7))
def test_the_file_over_any_earlier_state_is_the_newest_state(
    asked: list[tuple[dict[str, int], set[str]]], lost: int
) -> None:
    trail: list[Rendered] = []
    for n, (values, stated) in enumerate(asked):
        last = trail[-1] if trail else None
        before = None if n == lost else last  # a store that has lost a file
        trail.append(
            successor(rendered(values, stated, n), applied=applied(last) if last else None, before=before)
        )
    newest = trail[-1]
    assert [item.generation for item in trail] == list(range(1, len(trail) + 1))
    for start in trail:
        assert {**start.fields, **newest.values} == newest.fields


@given(values=fields, stated=st.sets(st.sampled_from(NAMES)))
def test_a_stored_content_comes_back_and_a_changed_one_does_not(
    values: dict[str, int], stated: set[str]
) -> None:
    import tempfile

    item = replace(rendered(values, stated, 1), generation=3, expires="2026-03-04T13:00:00.000Z")
    with tempfile.TemporaryDirectory() as name:
        sha = store_rendered(item, folder=Path(name))
        assert read_rendered(sha, folder=Path(name)) == item
        path = Path(name) / f"{sha}.json"
        path.write_text(path.read_text().replace("commit-1", "commit-2"))
        assert read_rendered(sha, folder=Path(name)) is None


def test_the_live_file_is_a_patch_that_names_its_commit() -> None:
    item = replace(rendered({"tail_age_ms": 700}, {"tail_age_ms"}, 1), generation=4)
    patch = parse_patch(item.live_bytes().decode(), where="live", json=True)
    assert (patch.values, patch.commit, patch.generation) == ({"tail_age_ms": 700}, "commit-1", 4)


def test_a_live_file_without_any_value_is_a_patch_too() -> None:
    patch = parse_patch(rendered({}, set(), 1).live_bytes().decode(), where="live", json=True)
    assert patch.values == {}
