"""Editing a patch file: only the bytes of what changes do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.settings.documents import parse_yaml
from framework.settings.edit import edit_patch, new_patch, written
from framework.settings.errors import ConfigError

FILE = """\
# Who: the desk.  Why: see below.
reason: a sentence that
  goes on here          # and has a comment
owner:   'desk'

overrides:          # the values
    min_interval_ms: 70      # calmer
    # the spread, in bps
    base_spread_bps_delta: 0.10   # ten
    tail_age_ms:   650
    sizing.leverage: 1e1

# the end
"""


def edited(text: str = FILE, head: dict[str, str | None] | None = None, **values: str | None) -> str:
    return edit_patch(text, where="p.yaml", values=values, head=head or {})


def test_one_value_changes_and_every_other_byte_stays() -> None:
    assert edited(min_interval_ms="90") == FILE.replace("70", "90")
    assert edited(base_spread_bps_delta="0.20") == FILE.replace("0.10", "0.20")
    assert edited(tail_age_ms="650") == FILE


def test_a_new_value_goes_below_the_last_one_as_far_in() -> None:
    line = "    sizing.leverage: 1e1\n"
    assert edited(impact_cap_ratio="0.050") == FILE.replace(line, f"{line}    impact_cap_ratio: 0.050\n")


def test_a_removed_value_takes_its_line_and_leaves_the_comments_above() -> None:
    assert edited(min_interval_ms=None) == FILE.replace("    min_interval_ms: 70      # calmer\n", "")
    assert edited(impact_cap_ratio=None) == FILE


def test_the_head_changes_in_place_quoted_where_it_must_be() -> None:
    changed = edited(head={"reason": "slippage: up", "owner": "ops", "expires": "2025-10-20T00:00:00Z"})
    assert changed == FILE.replace("a sentence that\n  goes on here ", '"slippage: up" ').replace(
        "'desk'\n", "ops\nexpires: 2025-10-20T00:00:00Z\n"
    )
    assert edited(changed, head={"expires": None}) == changed.replace("expires: 2025-10-20T00:00:00Z\n", "")


def test_windows_line_ends_and_a_byte_order_mark_stay() -> None:
    windows = "\ufeff" + FILE.replace("\n", "\r\n")
    line = "    sizing.leverage: 1e1\r\n"
    expected = windows.replace("70", "90").replace(line, f"{line}    impact_cap_ratio: 0.05\r\n")
    assert edited(windows, min_interval_ms="90", impact_cap_ratio="0.05") == expected


def test_a_last_line_without_an_end_gets_one() -> None:
    text = "reason: r\nowner: o\noverrides:\n  tail_age_ms: 500"
    assert edited(text, min_interval_ms="70") == f"{text}\n  min_interval_ms: 70\n"
    assert edited(text, tail_age_ms="600") == text.replace("500", "600")


def test_values_in_braces_stay_in_braces() -> None:
    text = "{reason: r, owner: o, overrides: {tail_age_ms: 500, min_interval_ms: 70}}\n"
    assert edited(text, tail_age_ms="600") == text.replace("500", "600")
    assert edited(text, impact_cap_ratio="0.1") == text.replace("70}", "70, impact_cap_ratio: 0.1}")
    assert edited(text, tail_age_ms=None) == text.replace("tail_age_ms: 500, ", "")
    assert edited(text, min_interval_ms=None) == text.replace(", min_interval_ms: 70", "")


@pytest.mark.parametrize("nothing", ["overrides:", "overrides: {}", "overrides: null", "# no values yet"])
def test_a_file_without_values_gets_its_first(nothing: str) -> None:
    text = f"reason: r\nowner: o\n{nothing}\n"
    data = parse_yaml(edited(text, tail_age_ms="500"), where="p").data
    assert data == {"reason": "r", "owner": "o", "overrides": {"tail_age_ms": 500}}


def test_a_sentence_folded_over_lines_is_replaced_as_a_whole() -> None:
    text = "reason: >\n  two\n  lines\n\nowner: o\noverrides:\n  tail_age_ms: 500\n"
    changed = edited(text, head={"reason": "one"})
    assert changed == text.replace(">\n  two\n  lines", "one")


@pytest.mark.parametrize(
    "text",
    [
        "reason: r\noverrides:\n  tail_age_ms: [1, 2]\n",
        "reason: r\noverrides: 5\n",
        "overrides: [1]\n",
        "? overrides\n: tail_age_ms: 500\n",
        "- a\n",
        "a: &x 1\n",
    ],
)
def test_what_cannot_be_placed_is_refused_or_right(text: str) -> None:
    try:
        changed = edited(text, tail_age_ms="600", min_interval_ms="70")
    except ConfigError:
        return
    assert parse_yaml(changed, where="p").data["overrides"]["tail_age_ms"] == 600


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_text_reads_back_as_itself(text: str) -> None:
    try:
        data = parse_yaml(f"reason: {written(text)}\nowner: o\n", where="p").data
    except ConfigError:
        assert any(not letter.isprintable() for letter in text)  # YAML has no such characters
        return
    assert data == {"reason": text, "owner": "o"}


NAMES = st.sampled_from(["min_interval_ms", "tail_age_ms", "sizing.leverage", "rollout.mode", "signal.k"])
VALUES = st.none() | st.sampled_from(["1", "0.10", "1e-4", "-5", "canary", "true"])
LINES = ["", "# a comment", "    # another", "  "]


@given(
    before=st.dictionaries(NAMES, st.sampled_from(["70", "0.10  # why", "'text'", "full   #x"])),
    padding=st.lists(st.sampled_from(LINES), min_size=6, max_size=6),
    changes=st.dictionaries(NAMES, VALUES),
    indent=st.integers(1, 4),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_edit_changes_what_it_names_and_keeps_every_other_line(
    before: dict[str, str], padding: list[str], changes: dict[str, str | None], indent: int, end: str
) -> None:
    lines = ["reason: r", padding[5], "overrides:"]
    for pad, (name, value) in zip(padding, before.items(), strict=False):
        lines += [pad, f"{' ' * indent}{name}: {value}"]
    text = end.join([*lines, "owner: o", ""])
    changed = edit_patch(text, where="p", values=changes, head={})
    data: dict[str, Any] = parse_yaml(changed, where="p").data["overrides"] or {}
    assert set(data) == (set(before) | {n for n, v in changes.items() if v}) - {
        n for n, v in changes.items() if not v
    }
    touched = {name for name in changes if name in before}
    kept = [line for line in text.split(end) if line.strip().split(":")[0] not in touched]
    left = iter(changed.split(end))
    assert all(line in left for line in kept), "a line moved or changed"


def test_a_new_file_is_a_patch_in_the_usual_order() -> None:
    text = new_patch(values={"tail_age_ms": "500"}, head={"reason": "a: b", "owner": "desk"})
    assert text == 'reason: "a: b"\nowner: desk\noverrides:\n  tail_age_ms: 500\n'
