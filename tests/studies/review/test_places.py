"""Places of the parts of a result in its review, and the demand that the review tells."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simcost.studies.plans import sections
from simcost.studies.review.study import _demand
from simcost.studies.review.view import OTHERS, PLACES, _place


def titles() -> Iterator[str]:
    """Titles of parts, up to what differs from result to result."""
    for node in ast.walk(ast.parse(Path(str(sections.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Part":
            for keyword in node.keywords:
                text = keyword.value.values[0] if isinstance(keyword.value, ast.JoinedStr) else keyword.value
                if keyword.arg == "title" and isinstance(text, ast.Constant):
                    yield str(text.value)


def test_each_part_has_a_section_and_each_place_has_a_part() -> None:
    found = set(titles())
    assert len(found) > 25
    assert {title for title in found if _place(title) == OTHERS} == set()
    starts = {start for places in PLACES.values() for start in places}
    unused = {start for start in starts if not any(title.startswith(start) for title in found)}
    assert unused == {"Bill of the next"}, "the only title that another file writes"


def test_requests_that_a_service_sends_to_another_are_not_demand_twice(tmp_path: Path) -> None:
    """300 clients' requests, of which 60 are answered by two services: 300 arrive from outside."""
    services = [
        {"name": "chat", "requests": {"arrived": 290}},
        {"name": "expert", "requests": {"arrived": 70}, "received": 60},
    ]
    plan = {"name": "small first", "requests": {"arrived": 360}, "services": services, "horizon_s": 10.0}
    (tmp_path / "tables").mkdir()
    run = {"plan": "small first", "replication": 0, "completed": 360, "output_tokens": 7200}
    pq.write_table(pa.Table.from_pylist([run]), tmp_path / "tables/runs.parquet")
    facts = _demand(tmp_path, plan, None)
    assert facts is not None
    assert (facts.requests, facts.per_s) == (300, 30.0)
