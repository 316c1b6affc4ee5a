"""YAML and JSON as plain data: what is meant is read, what misleads is refused with its line."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.files.atomic import canonical_json
from framework.settings.documents import parse_json, parse_yaml
from framework.settings.errors import ConfigError


def read(text: str) -> dict[str, Any]:
    return parse_yaml(text, where="conf/x.yaml").data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 0.0001),
        ("1.5E+3", 1500.0),
        ("-0.5", -0.5),
        ("70", 70),
        ("true", True),
        ("null", None),
        ("", None),
        ('"no"', "no"),
        ("'010'", "010"),
        ("24h", "24h"),
        ("2025-10-13T00:00:00Z", "2025-10-13T00:00:00Z"),
        ("[a, 1, 2.0]", ["a", 1, 2.0]),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    found = read(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "Yes",
        "on",
        "OFF",
        "True",
        ".nan",
        "nan",
        "-.inf",
        "inf",
        "1e999",
        "010",
        "0x1F",
        "1_000",
        "12:30:00",
    ],
)
def test_a_scalar_that_readers_disagree_about_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^conf/x\.yaml:2: "):
        read(f"first: 1\nkey: {text}\n")


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(ConfigError, match=r"conf/x\.yaml:3: a is given twice, first on line 1"):
        read("a: 1\nb: 2\na: 3\n")


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system [x]",
        "a: !custom 1",
        "a: &x 1\nb: *x",
        "a: &x {b: 1}\nc:\n  <<: *x",
        "? [1, 2]\n: x",
        "1: x",
    ],
)
def test_tags_anchors_and_strange_keys_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read(text)


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "---\n", "- 1\n", "5\n", "a: 1\n---\nb: 2\n", "a: [1", "a:\n\t- 1"]
)
def test_a_file_that_is_not_one_mapping_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^conf/x\.yaml"):
        read(text)


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match="deep"):
        read("a: " + "[" * 50 + "]" * 50)
    with pytest.raises(ConfigError, match="deep"):
        parse_json('{"a":' * 100_000, where="x.json")


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', '{"a":NaN}', '{"a":-Infinity}', '{"a":1e999}', "[1]", "{", ""]
)
def test_json_with_the_same_faults_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^x\.json"):
        parse_json(text, where="x.json")


def test_lines_are_remembered_for_keys_and_list_items() -> None:
    document = parse_yaml("a: 1\nb:\n  c: 2\n  d:\n    - x\n    - y\n", where="f.yaml")
    assert document.at(("b", "c")) == "f.yaml:3"
    assert document.at(("b", "d", "1")) == "f.yaml:6"
    assert document.at(("b", "absent")) == "f.yaml:2"
    assert document.at(("absent",)) == "f.yaml"


names = st.text(string.ascii_letters, min_size=1, max_size=8)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(string.digits + string.ascii_letters + string.punctuation + " \t\n\r"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(names, plain, min_size=1, max_size=5))
def test_canonical_json_reads_back_as_json_and_as_yaml(value: dict[str, Any]) -> None:
    text = canonical_json(value)
    assert parse_json(text, where="x").data == value
    assert parse_yaml(text, where="x").data == value
    assert json.loads(text) == value
