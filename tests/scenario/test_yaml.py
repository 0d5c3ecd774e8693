"""YAML text to located nodes: the scalars of YAML 1.2, bounded input, every fault at its place."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.scenario.files import yaml
from simcost.scenario.files.yaml import MAX_BYTES, parse, read, scalar
from simcost.scenario.runs.provenance import dump

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
LIKE_YAML = st.text(st.sampled_from("ab1.:-?!&*[]{}#|>'\"%@`, \n\t~<=e0xo\ufeff\u2028\x85\x00"), max_size=60)


def places(text: str) -> list[str]:
    return [str(fault) for fault in parse(text, "f")[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("+12", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("08:30", "08:30"),
        ("1:30:00", "1:30:00"),
        ("2024-01-02", "2024-01-02"),
        ("1_000", "1_000"),
        ("~", None),
        ("null", None),
        ("", None),
        ("30s", "30s"),
        ("0o8", "0o8"),
        ("-", "-"),
        (".", "."),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".nan", ".inf", "-.INF", "1e999", str(2**53), "-" + "9" * 9999, "0x" + "f" * 99])
def test_numbers_that_no_quantity_can_be_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"finite|too large"):
        scalar(text)


def test_quoted_and_block_scalars_are_text_and_so_are_keys() -> None:
    root, faults = parse("1: '2'\ntrue: \"3\"\nb: |\n  4\n", "f")
    assert not faults
    assert root is not None
    assert root.plain() == {"1": "2", "true": "3", "b": "4\n"}


def test_each_value_knows_its_place() -> None:
    root, _ = parse("a:\n  - b: 1\n    c: [x, y]\n", "f")
    assert root is not None
    node = root.value["a"].value[0].value["c"].value[1]  # type: ignore[index,call-overload,union-attr]
    assert (node.value, node.line, node.column, node.path) == ("y", 3, 12, ("a", 0, "c", 1))


def test_all_faults_are_found_at_once_and_each_at_its_place() -> None:
    text = "a: 1\nb: !!str 5\na: 2\nc: *gone\nd: &r [*r]\n? [k]\n: 3\na: 3\ne: .nan\n"
    assert places(text) == [
        "f:2:4: b: has the tag 'tag:yaml.org,2002:str'; tags are not allowed: remove it",
        "f:3:1: a: the key 'a' appears twice; first in line 1",
        "f:4:4: c: *gone refers to no anchor before it",
        "f:5:8: d.0: *r refers to a value that contains it",
        "f:6:3: is not a key: keys are plain text",
        "f:8:1: a: the key 'a' appears twice; first in line 1",
        "f:9:4: e: .nan is not a finite number",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "f:1:1: is empty"),
        ("# only a comment\n", "f:1:1: is empty"),
        ("a: [1\nb: 2\n", "f:2:2: is not YAML"),
        ("a: b: c\n", "f:1:5: is not YAML"),
        ("a: 'x\n", "f:2:1: is not YAML"),
        ("a: \x01\n", "f:1:4: is not YAML"),
        ("\ud800", "f:1:1: is not UTF-8 text"),
        ("a: 1\n---\nb: 2\n", "f:2:1: starts a second document"),
        ("[" * 100, "f:1:51"),
        ("{a: " * 100, "f:1:201"),
    ],
)
def test_text_that_is_no_document_has_a_located_fault(text: str, fault: str) -> None:
    root, faults = parse(text, "f")
    assert root is None
    assert len(faults) == 1
    assert str(faults[0]).startswith(fault)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb:2\nc: 3\n", "f:2:1: .*expected ':'; write a space after the colon"),
        ("a:1\nb: 2\n", "f:2:2: .*; write a space after the colon of 'a:1'"),
        ("a: 'it's'\nb: 2\n", "f:1:8: .*; put the whole value in quotes, within which ' is written ''"),
        ("a: 1\nb\nc: 3\n", "f:2:1: .*; a key needs a colon and a space after it"),
        ("a:\n  b: 1\n\tc: 2\n", "f:3:1: .*tab character.*; indent with spaces"),
        ("a:\n\tc: 2\n", "f:2:1: .*; indent with spaces, not tabs"),
        ("a: %9\n", "f:1:4: .*; put a value that begins with '%' in quotes"),
        ("a: b: c\n", "f:1:5: .*; put a value that holds ': ' in quotes"),
        ("a:\n  b: 1\n   c: 2\n", "f:3:5: .*indent keys of one mapping alike"),
        ("a: {b: 1\nc: 2\n", "f:2:2: .*a flow mapping that begins in line 1, "),
        ("a: 'x\n\nb: 2\n", "f:4:1: .*a quoted scalar that begins in line 1, "),
        ('a: "c:\\data"\n', "f:1:7: .*; put text that holds a backslash in single quotes"),
        ("PK\x03\x04", "f:1:3: .*; save it as plain text in UTF-8"),
    ],
)
def test_faults_of_syntax_name_their_place_and_the_remedy(text: str, fault: str) -> None:
    (found,) = parse(text, "f")[1]
    assert re.match(fault, str(found))


def test_aliases_repeat_a_value_and_keep_the_place_where_it_was_written() -> None:
    root, faults = parse("a: &x {q: 1}\nb: *x\n", "f")
    assert not faults
    assert root is not None
    assert root.plain() == {"a": {"q": 1}, "b": {"q": 1}}
    inner = root.value["b"].value["q"]  # type: ignore[index,call-overload,union-attr]
    assert (inner.line, inner.path) == (1, ("a", "q"))


def test_alias_bombs_are_refused_before_they_grow() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    root, faults = parse("\n".join(lines), "f")
    assert root is None
    assert "more than 2,000,000 values" in faults[-1].message


def test_aliases_cannot_nest_deeper_than_values() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 80)]
    root, faults = parse("\n".join(lines), "f")
    assert root is None
    assert "nested deeper than 50 levels" in faults[-1].message


def test_files_are_read_as_utf_8_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfa: \xc3\xa4\n")
    assert read(tmp_path / "bom") == ("a: ä\n", [])
    (tmp_path / "latin").write_bytes(b"a: 1\nb: \xe4\n")
    assert str(read(tmp_path / "latin")[1][0]) == f"{tmp_path}/latin:2:4: is not UTF-8 text here; save it as UTF-8"
    (tmp_path / "trace").write_bytes(b"PAR1\x15\x04")
    assert "is a Parquet file, not YAML; of a trace `simcost init" in read(tmp_path / "trace")[1][0].message
    for name in ("utf-16", "utf-16-le", "utf-16-be"):
        (tmp_path / "wide").write_bytes("scenario: small\n".encode(name))
        assert "looks like UTF-16; save it as UTF-8" in read(tmp_path / "wide")[1][0].message
    (tmp_path / "large").write_bytes(b"#" * (MAX_BYTES + 1))
    assert "is larger than" in read(tmp_path / "large")[1][0].message
    assert "cannot be read: No such file" in read(tmp_path / "none")[1][0].message
    assert "cannot be read: Is a directory" in read(tmp_path)[1][0].message


@given(st.text() | LIKE_YAML)
def test_no_text_raises_and_every_fault_has_a_place(text: str) -> None:
    root, faults = parse(text, "f")
    assert root is not None or faults
    assert all(fault.line >= 1 and fault.column >= 1 for fault in faults)


@given(PLAIN)
def test_what_is_written_reads_back(value: object) -> None:
    root, faults = parse(dump(value), "f")
    assert not faults
    assert root is not None
    assert root.plain() == value


def test_the_reader_without_the_c_library_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: 1\nb: [on, 1e3]\na: {c: &x 08:30, d: *x}\n"
    fast = parse(text, "f")
    monkeypatch.setattr(yaml, "_LOADER", yaml.yaml.SafeLoader)
    assert parse(text, "f") == fast
