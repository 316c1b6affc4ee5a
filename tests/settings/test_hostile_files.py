"""Patch files that nobody should have written: each is refused in one line, quickly, and harms nothing."""

import os
import re
import shutil
from pathlib import Path

import pytest

from framework.errors import QuoteopsError
from framework.settings.compose import compose_run
from framework.settings.documents import parse_json, parse_yaml
from framework.settings.errors import ConfigError
from framework.settings.overrides import Patch, read_patch
from tests.settings.conftest import REPOSITORY

GOOD = "reason: r\nowner: o\noverrides:\n  tail_age_ms: 500\n"
MEGABYTE = 1_000_000


def refused(path: Path, root: Path) -> str:
    with pytest.raises(QuoteopsError) as caught:
        read_patch(path, root=root)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400
    return message


def written(tmp_path: Path, content: bytes, name: str = "p.yaml") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def read(tmp_path: Path, content: bytes, name: str = "p.yaml") -> Patch:
    return read_patch(written(tmp_path, content, name), root=tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"- a\n- b\n", "p.yaml:1: holds a list"),
        (b"5", "holds the single value 5"),
        (GOOD.encode("utf-16"), "is not UTF-8 text (byte 0)"),
        (GOOD.encode() + b"\xff", "is not UTF-8 text (byte 49)"),
        (GOOD.replace("  tail", "\ttail").encode(), "p.yaml:4: is not YAML"),
        (GOOD.encode() + b"a: " + b"[" * 500_000, "nests deeper than 20 levels"),
        (GOOD.encode() + b"a: " + b"{a: " * 200_000, "nests deeper than 20 levels"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "p.yaml:1: anchors and aliases are not allowed"),
        (b"a: {x: 1}\nb:\n  <<: {y: 1}\n", "p.yaml:3: << is not a key"),
        (GOOD.encode() + b"  tail_age_ms: 600\n", "p.yaml:5: tail_age_ms is given twice, first on line 4"),
        (GOOD.replace("500", "no").encode(), "p.yaml:4: no reads differently"),
        (GOOD.replace("500", "0500").encode(), "p.yaml:4: 0500 reads differently"),
        (GOOD.replace("500", "12:30:00").encode(), "p.yaml:4: 12:30:00 reads differently"),
        (GOOD.replace("500", ".inf").encode(), "p.yaml:4: .inf reads differently"),
        (GOOD.replace("500", "NaN").encode(), "p.yaml:4: NaN reads differently"),
        (GOOD.replace("500", "9" * 5000).encode(), "is too large; allowed whole numbers of 40 digits"),
        (GOOD.replace("500", "!!python/object/apply:os.system [x]").encode(), "the tag"),
        (
            GOOD.replace("500", "{_target_: os.system}").encode(),
            "tail_age_ms is {_target_: os.system}; allowed 400 to 1000",
        ),
        (
            GOOD.replace("500", '"\\e[31m\\n::error::x"').encode(),
            "p.yaml:4: ?[31m ::error::x holds U+001B; allowed",
        ),
        (GOOD.encode() + b"".join(b"  k%d: 1\n" % n for n in range(40_000)), "names 40001 values"),
        (GOOD.encode() + b"---\n" + GOOD.encode(), "holds more than one document"),
    ],
    ids=lambda value: None if isinstance(value, str) else "file",
)
def test_a_hostile_file_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(written(tmp_path, content), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode().rstrip(),
        b"%YAML 1.1\n---\n" + GOOD.encode(),
    ],
    ids=["windows line ends", "byte order mark", "no last line end", "a directive"],
)
def test_what_editors_do_to_a_file_changes_nothing(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content).values == {"tail_age_ms": 500}


def test_a_byte_order_mark_before_json_is_read_over(tmp_path: Path) -> None:
    assert read(tmp_path, b'\xef\xbb\xbf{"tail_age_ms": 500}', "p.json").values == {"tail_age_ms": 500}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"tail_age_ms":' + "9" * 5000 + "}", "is too large; allowed numbers of 40 digits"),
        ('{"a":' * 900 + "1" + "}" * 900, "nests deeper than 20 levels"),
        ('{"a":' + "[" * 900 + "]" * 900 + "}", "nests deeper than 20 levels"),
        ('{"a":' * 100_000, "nests too deep"),
        ('{"reason":"\\ud800"}', "holds half a character"),
        ('{"tail_age_ms":[1e999]}', "is not a finite number"),
        ('{"tail_age_ms":500,"tail_age_ms":600}', "tail_age_ms is given twice"),
        ("{" + ",".join(f'"k{n}":1' for n in range(60_000)) + "}", "names 60000 values"),
        ('{"reason":"' + '\\"' * 400_000 + '"}', "overrides is missing or empty"),
    ],
    ids=range(9),
)
def test_hostile_json_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(written(tmp_path, text.encode(), "p.json"), tmp_path)


def test_a_hundred_megabytes_are_refused_before_a_byte_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.encode())
    os.truncate(path, 100 * MEGABYTE)  # a file of holes: reading it would find zeros, not its size
    assert refused(path, tmp_path) == "p.yaml: has 100000000 bytes; allowed up to 1000000"


def test_a_megabyte_is_read(tmp_path: Path) -> None:
    padded = GOOD.encode() + b"#" * (MEGABYTE - len(GOOD))
    assert read(tmp_path, padded).values == {"tail_age_ms": 500}


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_a_link_may_lead_elsewhere_in_the_tree_and_never_out_of_it(tmp_path: Path) -> None:
    root, outside = tmp_path / "repository", tmp_path / "outside"
    (root / "runtime_overrides").mkdir(parents=True)
    outside.mkdir()
    written(outside, GOOD.encode())
    written(root, GOOD.encode())
    link = root / "runtime_overrides" / "p.yaml"
    link.symlink_to(outside / "p.yaml")
    message = "runtime_overrides/p.yaml: is a link out of the repository; allowed files of its own tree"
    assert refused(link, root) == message
    link.unlink()
    link.symlink_to("../p.yaml")
    assert read_patch(link, root=root).values == {"tail_age_ms": 500}
    link.unlink()
    link.symlink_to(link)
    assert "runtime_overrides/p.yaml" in refused(link, root)
    link.unlink()
    (root / "elsewhere").symlink_to(outside)
    assert "is a link out of the repository" in refused(root / "elsewhere" / "p.yaml", root)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_a_mounted_folder_of_links_is_a_tree_of_its_own(tmp_path: Path) -> None:
    mount, root = tmp_path / "mount", tmp_path / "repository"
    (mount / "..2025").mkdir(parents=True)
    root.mkdir()
    written(mount / "..2025", GOOD.encode())
    (mount / "..data").symlink_to("..2025")
    (mount / "p.yaml").symlink_to("..data/p.yaml")
    assert read_patch(mount / "p.yaml", root=root).values == {"tail_age_ms": 500}


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_a_pipe_or_a_folder_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.yaml")
    assert refused(tmp_path / "p.yaml", tmp_path) == "p.yaml: is not a plain file"
    (tmp_path / "q.yaml").mkdir()
    assert "q.yaml" in refused(tmp_path / "q.yaml", tmp_path)


def test_a_message_shows_a_hostile_name_as_text() -> None:
    for text in ('"\\e[2J": 1\n"\\e[2J": 2\n', '? ["\\e"]\n: 1\n', "a: !<\u009b> 1\n"):
        with pytest.raises(QuoteopsError) as caught:
            parse_yaml(text, where="p.yaml")
        assert str(caught.value).isprintable()
    with pytest.raises(QuoteopsError) as caught:
        parse_json('{"\\u001b[2J":1,"\\u001b[2J":1}', where="p.json")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["rollout.candidate_file", "soak.overrides_file"])
@pytest.mark.parametrize("way", ["absolute", "dots", "link", "linked folder"])
@pytest.mark.parametrize("by", ["word", "conf"])
def test_a_patch_outside_the_repository_is_not_named_in_any_way(
    tmp_path: Path, key: str, way: str, by: str
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "repository"
    outside.mkdir()
    root.mkdir()
    for folder in ("conf", "runtime_overrides"):
        shutil.copytree(REPOSITORY / folder, root / folder)
    (outside / "p.yaml").write_text("reason: r\nowner: o\noverrides: {tail_age_ms: 700}\n")
    (root / "link.yaml").symlink_to(outside / "p.yaml")
    (root / "folder").symlink_to(outside)
    name = {
        "absolute": f"{outside}/p.yaml",
        "dots": f"{root}/../outside/p.yaml" if by == "word" else "../outside/p.yaml",
        "link": f"{root}/link.yaml" if by == "word" else "link.yaml",
        "linked folder": f"{root}/folder/p.yaml" if by == "word" else "folder/p.yaml",
    }[way]
    words = [f"{key}={name}"] if by == "word" else []
    if by == "conf":
        group, leaf = key.split(".")
        file = root / "conf" / group / {"rollout": "disabled.yaml", "soak": "mini_3h.yaml"}[group]
        file.write_text(re.sub(rf"(?m)^{leaf}: \S+", f"{leaf}: {name}", file.read_text()))
    with pytest.raises(
        ConfigError, match=rf"{leaf_of(key)} is .*; allowed a file of the repository, or null"
    ):
        compose_run(words=words, root=root, environ={})


def leaf_of(key: str) -> str:
    return key.partition(".")[2]
