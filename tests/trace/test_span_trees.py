"""Trees of LLM calls: only the innermost call counts, in any order of the rows and over any number of files."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from simcost.errors import TraceError
from simcost.trace.requests.readers import import_trace

Row = dict[str, Any]
Tree = list[tuple[int | None, bool, int, int]]
"""Of each row the number of the row above it, whether it is an LLM call, and its tokens."""


def random_tree(g: random.Random) -> Tree:
    """Rows above come first; calls hold other rows, calls and chains, to any depth."""
    rows = g.randint(1, 40)
    return [
        (g.choice([None, *range(i)]) if i else None, g.random() < 0.6, g.randint(1, 9000), g.randint(1, 900))
        for i in range(rows)
    ]


def counted(tree: Tree) -> list[tuple[int, int]]:
    """Tokens of the calls below which no other call is, by a plain walk up from each call."""
    holders = set()
    for above, call, _, _ in tree:
        while call and above is not None:
            holders.add(above)
            above = tree[above][0]
    return sorted((p, o) for i, (_, call, p, o) in enumerate(tree) if call and i not in holders)


def uuid(i: int) -> str:
    return str(UUID(int=i + 1))


def run(i: int, tree: Tree, *, path: bool) -> Row:
    above, call, prompt, output = tree[i]
    row: Row = {"id": uuid(i), "run_type": "llm" if call else "chain", "start_time": f"2026-03-02T09:00:{i:02d}"}
    row |= {"prompt_tokens": prompt, "completion_tokens": output, "status": "success"}
    if not path:
        return row | {"parent_run_id": None if above is None else uuid(above)}
    parts: list[str] = []
    at: int | None = i
    while at is not None:
        parts.append(f"20260302T0900{at:02d}000000Z{uuid(at)}")
        at = tree[at][0]
    return row | {"dotted_order": ".".join(reversed(parts))}


def observation(i: int, tree: Tree) -> Row:
    above, call, prompt, output = tree[i]
    row: Row = {"id": f"o{i}", "traceId": "t", "type": "GENERATION" if call else "SPAN"}
    row |= {"usageDetails": {"input": prompt, "output": output}, "startTime": f"2026-03-02T09:00:{i:02d}Z"}
    return row | ({} if above is None else {"parentObservationId": f"o{above}"})


def attributes(call: int, prompt: int, output: int) -> Row:
    operation = "chat" if call else "invoke_agent"
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": output,
    }


def otlp(i: int, tree: Tree) -> Row:
    above, *rest = tree[i]
    span: Row = {"traceId": "t", "spanId": f"{i}", "parentSpanId": "" if above is None else f"{above}"}
    span |= {"startTimeUnixNano": str(1_772_442_000_000_000_000 + i * 10**9), "attributes": attributes(*rest)}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def printed(i: int, tree: Tree) -> Row:
    above, *rest = tree[i]
    context = {"trace_id": "0x1", "span_id": f"0x{i}"}
    parent = None if above is None else f"0x{above}"
    start = f"2026-03-02T09:00:{i:02d}Z"
    return {"context": context, "parent_id": parent, "start_time": start, "attributes": attributes(*rest)}


def generic(i: int, tree: Tree) -> Row:
    above, call, prompt, output = tree[i]
    row = {"arrival": i, "span_id": f"{i}", "parent_span_id": None if above is None else f"{above}"}
    return row | {"prompt_tokens": prompt if call else None, "output_tokens": output if call else None}


WRITTEN: dict[str, tuple[str, Callable[[int, Tree], Row]]] = {
    "runs": ("langsmith", lambda i, tree: run(i, tree, path=False)),
    "runs by path": ("langsmith", lambda i, tree: run(i, tree, path=True)),
    "observations": ("langfuse", observation),
    "OTLP": ("otel", otlp),
    "printed spans": ("otel", printed),
    "any log": ("jsonl", generic),
}


@pytest.mark.parametrize("tool", WRITTEN)
@pytest.mark.parametrize("seed", range(12))
def test_only_the_innermost_calls_count_in_any_order_and_split(tmp_path: Path, tool: str, seed: int) -> None:
    g = random.Random(seed)
    fmt, write = WRITTEN[tool]
    tree = random_tree(g)
    expected = counted(tree)
    rows = [write(i, tree) for i in range(len(tree))]
    g.shuffle(rows)
    cuts = sorted(g.sample(range(1, len(rows)), min(g.randint(0, 3), len(rows) - 1)))
    parts = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    files = [tmp_path / f"{n}.jsonl" for n in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        file.write_text("".join(json.dumps(row) + "\n" for row in part))
    if not expected:
        with pytest.raises(TraceError, match="no requests"):
            import_trace(files, fmt, tmp_path / "a.parquet")  # type: ignore[arg-type]
        return
    document = import_trace(files, fmt, tmp_path / "a.parquet")  # type: ignore[arg-type]
    table = pq.read_table(tmp_path / "a.parquet")
    found = zip(table["prompt_tokens"].to_pylist(), table["output_tokens"].to_pylist(), strict=True)
    assert sorted(found) == expected
    parents = sum(call for _, call, _, _ in tree) - len(expected)
    assert document["dropped_by"].get("parent", 0) == parents


@pytest.mark.parametrize(
    "failure", [{"status": "error"}, {"completion_tokens": 0}, {"prompt_tokens": None, "completion_tokens": None}]
)
def test_the_parent_of_calls_that_all_failed_counts(tmp_path: Path, failure: Row) -> None:
    tree: Tree = [(None, True, 70, 8), (0, True, 70, 8)]
    rows = [run(0, tree, path=False), run(1, tree, path=False) | failure]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    assert import_trace(file, "langsmith", tmp_path / "a.parquet")["rows"] == 1


def test_rows_that_are_not_asked_for_are_a_part_of_the_tree(tmp_path: Path) -> None:
    """So the parts of a log add up to the whole."""
    tree: Tree = [(None, True, 70, 8), (0, True, 70, 8), (None, True, 5, 5)]
    rows = [run(i, tree, path=False) | {"model": name} for i, name in enumerate(["alias", "exact", "alias"])]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    parts = [
        import_trace(file, "langsmith", tmp_path / f"{m}.parquet", where=[("model", m)]) for m in ("alias", "exact")
    ]
    assert [part["rows"] for part in parts] == [1, 1]
