"""What prompts share with earlier ones: columns against a dictionary, request by request."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.trace.requests.batch import NO_SESSION, RequestBatch
from simcost.trace.requests.prefix_reuse import Recent, shared_in_stream, shared_in_trace
from simcost.trace.requests.readers import import_trace
from simcost.trace.requests.store import numbered, read_tables
from simcost.trace.requests.writer import TraceWriter

BLOCK = 16
prompts = st.lists(
    st.tuples(st.integers(0, 40), st.lists(st.integers(0, 2), min_size=0, max_size=4), st.integers(1, 15)),
    min_size=1,
    max_size=30,
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


def naive(rows: list[tuple[int, list[int], int]], ttl: int) -> list[int]:
    """Longest prefix that an earlier request had within the ttl, block by block."""
    seen: dict[tuple[int, ...], int] = {}
    found = []
    for at, blocks, _ in rows:
        length = 0
        while length < len(blocks) and at - seen.get(tuple(blocks[: length + 1]), -(10**9)) <= ttl:
            length += 1
        found.append(length * BLOCK)
        seen |= {tuple(blocks[:end]): at for end in range(1, len(blocks) + 1)}
    return found


def written(rows: list[tuple[int, list[int], int]], path: Path) -> Path:
    at, blocks, rest = zip(*rows, strict=True)
    hashes = [[hash((7, *block[:end])) for end in range(1, len(block) + 1)] or None for block in blocks]
    table = pa.table(
        {
            "arrival_ns": np.array(at, np.int64) * 10**9,
            "prompt_tokens": np.array(
                [len(block) * BLOCK + more for block, more in zip(blocks, rest, strict=True)], np.int32
            ),
            "output_tokens": np.ones(len(rows), np.int32),
            "prefix_hashes": pa.array(hashes, pa.list_(pa.int64())),
        }
    )
    with TraceWriter(path, source="test", optional=["prefix_hashes"], block_tokens=BLOCK) as writer:
        writer.write(table)
    return path


@given(rows=prompts, ttl=st.integers(1, 45))
def test_prefixes_by_hash_equal_a_search(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, list[int], int]], ttl: int
) -> None:
    path = written(rows, tmp_path_factory.mktemp("reuse") / "t.parquet")
    found = np.concatenate([shared for _, shared in shared_in_trace(path, float(ttl))])
    assert found.tolist() == naive(rows, ttl)


turns = st.lists(st.tuples(st.integers(0, 40), st.integers(-1, 3), st.integers(1, 100)), min_size=1, max_size=40).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)


@given(rows=turns, ttl=st.integers(1, 45), cut=st.integers(1, 40))
def test_turns_of_conversations_share_the_prompt_before(rows: list[tuple[int, int, int]], ttl: int, cut: int) -> None:
    at, session, prompt = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    whole = RequestBatch(at * 10**9, prompt.astype(np.int32), np.ones(len(at), np.int32), session)
    batches = (whole[start : start + cut] for start in range(0, len(rows), cut))
    found = np.concatenate([shared for _, shared in shared_in_stream(batches, float(ttl))])
    last: dict[int, tuple[int, int]] = {}
    for (time, talk, size), shared in zip(rows, found, strict=True):
        before = last.get(talk)
        known = talk != NO_SESSION and before is not None and time - before[0] <= ttl
        assert shared == (min(before[1], size) if known and before else 0)
        last[talk] = (time, size)


def test_only_living_keys_are_held() -> None:
    recent = Recent(10)
    for start in range(0, 1000, 10):
        key = np.arange(start, start + 10)
        recent.before(key, key, np.ones(10, np.int64))
    assert len(recent._key) <= 20


@pytest.mark.slow
def test_a_public_trace_of_conversations(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    import_trace(shared / "data/traces/mooncake_conversation_trace.jsonl.gz", "mooncake", path)
    found = np.concatenate([tokens for _, tokens in shared_in_trace(path, 300.0)])
    seen: dict[int, int] = {}
    slow = []
    for table in read_tables(path, ["arrival_ns", "prompt_tokens", "prefix_hashes"]):
        for row in table.to_pylist():
            hits = [row["arrival_ns"] - seen.get(key, -(10**15)) <= 300 * 10**9 for key in row["prefix_hashes"]]
            slow.append(min((hits.index(False) if False in hits else len(hits)) * 512, row["prompt_tokens"]))
            seen |= dict.fromkeys(row["prefix_hashes"], row["arrival_ns"])
    assert found.tolist() == slow
    assert found.sum() > 0


def test_sessions_of_a_stored_trace_keep_their_numbers_over_batches(tmp_path: Path) -> None:
    labels = ["a", "b", None, "a", None, "b", "c", "a"]
    table = pa.table(
        {
            "arrival_ns": np.arange(8, dtype=np.int64) * 10**9,
            "prompt_tokens": np.array([10, 20, 30, 15, 30, 25, 5, 12], np.int32),
            "output_tokens": np.ones(8, np.int32),
            "session": pa.array(labels).dictionary_encode(),
        }
    )
    with TraceWriter(tmp_path / "t.parquet", source="test", optional=["session"]) as writer:
        writer.write(table)
    found = np.concatenate([shared for _, shared in shared_in_trace(tmp_path / "t.parquet", 60.0)])
    assert found.tolist() == [0, 0, 0, 10, 0, 20, 0, 12]
    names: dict[str, int] = {}
    parts = [numbered(pa.array(labels[i : i + 3]).dictionary_encode(), names) for i in range(0, 8, 3)]
    assert np.concatenate(parts).tolist() == [0, 1, NO_SESSION, 0, NO_SESSION, 1, 2, 0]
