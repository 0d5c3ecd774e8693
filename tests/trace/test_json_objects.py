"""JSON as columns: lines, arrays and documents are the same rows; paths find what they name; damage is located."""

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simcost.errors import TraceError
from simcost.tables.json_objects import at_path, finite_json, one_row, paths, read_objects
from simcost.tables.sources import reading
from simcost.trace.requests.readers import import_trace

KEYS = st.text(st.sampled_from("ab._"), min_size=1, max_size=3)
TREES = st.recursive(
    st.integers(-9, 9) | st.none() | st.text(max_size=3),
    lambda inner: st.dictionaries(KEYS, inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, TREES, max_size=5)


def rows(path: Path, content: bytes, columns: Sequence[str]) -> tuple[list[tuple[Any, ...]], list[str]]:
    path.write_bytes(content)
    read: list[tuple[Any, ...]] = []
    faults: list[str] = []
    for chunk in read_objects(path, lambda present: {name: name for name in columns}, one_row):
        faults += [f"{place}: {reason}" for place, reason in chunk.malformed]
        if chunk.columns:
            read += zip(*(chunk.columns[name].to_pylist() for name in columns), strict=True)
    return read, faults


@given(value=OBJECTS)
@example(value={"a.": {}, "a": {".": 0}})
def test_every_path_leads_to_something(value: dict[str, Any]) -> None:
    for path in paths(value):
        assert at_path(value, path) is not None or "null" in json.dumps(value)
    assert at_path(value, "c.c") is None


def test_keys_may_hold_dots() -> None:
    value = {"attributes": {"gen_ai.usage": {"input": 1}, "gen_ai.usage.output": 2}, "a.b": 3, "a": {"b": 4}}
    assert at_path(value, "attributes.gen_ai.usage.input") == 1
    assert at_path(value, "attributes.gen_ai.usage.output") == 2
    assert at_path(value, "a.b") == 3
    assert at_path([], "a") is None


@given(
    values=st.lists(st.fixed_dictionaries({"a": st.integers(-(10**6), 10**6), "b": st.text(max_size=9)}), min_size=1),
    indent=st.sampled_from([None, 1]),
    zipped=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_arrays_and_documents_are_the_same(
    tmp_path: Path, values: list[dict[str, Any]], indent: int | None, zipped: bool
) -> None:
    wanted = [(value["a"], value["b"].encode("utf-8", "replace").decode()) for value in values]
    texts = [
        "\n\n".join(map(json.dumps, values)),
        json.dumps(values, indent=indent),
        "\n".join(json.dumps(value, indent=1) for value in values),
        "\ufeff " + json.dumps(values),
    ]
    for text in texts:
        content = text.encode()
        read, faults = rows(tmp_path / "log", gzip.compress(content) if zipped else content, "ab")
        assert (read, faults) == (wanted, [])


def test_an_array_longer_than_a_block(tmp_path: Path) -> None:
    values = [{"a": i, "b": "x" * (i % 700)} for i in range(20_000)]
    read, faults = rows(tmp_path / "log", json.dumps(values).encode(), "a")
    assert (read, faults) == ([(i,) for i in range(20_000)], [])


def test_elements_that_are_no_objects_are_named(tmp_path: Path) -> None:
    assert rows(tmp_path / "log", b'[{"a": 1}, 2, null, {"a": 3}]', "a") == (
        [(1,), (3,)],
        ["element 2: no JSON object", "element 3: no JSON object"],
    )
    assert rows(tmp_path / "log", b"[]", "a") == ([], [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[{"a": 1}, {"a": ', "element 2: not JSON"),
        (b'[{"a": 1}', "after element 1"),
        (b'[{"a": 1},', "does not end"),
        (b'[{"a": 1} {"a": 2}]', "after element 1"),
        (b'[{"a": 1}] x', "more text behind the array"),
        (b'{\n"a": 1}\nx', "object 2: not JSON"),
        (b"[" * 5000, "element 1: not JSON"),
        (b'[{"a": "\xff"}]', "cannot be read"),
    ],
)
def test_broken_arrays_end_with_their_place(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(TraceError, match=said), reading(tmp_path / "log", "jsonl", "log"):
        rows(tmp_path / "log", content, "a")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_numbers_that_are_not_finite_are_not_read(number: str) -> None:
    assert finite_json(b'{"a": [1.5, 2, -1e300, null]}') == {"a": [1.5, 2, -1e300, None]}
    with pytest.raises(ValueError, match=f"{number} is not a finite number"):
        finite_json(f'{{"a": [{{"b": {number}}}]}}')


def test_a_page_of_an_api_names_the_list_of_its_rows(tmp_path: Path) -> None:
    page = {"data": [{"arrival": 0, "prompt_tokens": 5, "output_tokens": 6}], "meta": {"page": 1}}
    path = tmp_path / "page.json"
    path.write_text(json.dumps(page), encoding="utf-8")
    with pytest.raises(TraceError, match=re.escape("items of 'data': write these alone, as `jq -c '.data[]'` does")):
        import_trace(path, "jsonl", tmp_path / "t.parquet")
