"""Counts of one replication beside means over all: each table says which is which."""

from typing import Any

import pytest
from support.answers import CHEAP, DEAR, PROVENANCE, of

from simcost.compare import document
from simcost.present.parts import Part
from simcost.studies.plans.sections import parts

NOTE = "counts of requests: of the first of {} replications; all else: means over them"
REQUESTS = {"arrived": 9, "completed": 9, "rejected": 0, "timed_out": 0, "in_system": 0, "preemptions": 0}


def found(made: dict[str, Any], title: str) -> Part:
    return next(part for part in parts(made) if part.title == title)


@pytest.mark.parametrize("title", ["Latency and answers", "Pools"])
def test_a_table_of_both_says_whose_requests_are_counted(title: str) -> None:
    many, alone = (document(of(one, other), PROVENANCE, []) for one, other in ((DEAR, CHEAP), (DEAR[:1], CHEAP[:1])))
    pool = {"name": "base", "requests": 9, "accelerator_hours": 1.0, "utilisation": 0.5, "cost_usd": {"per_month": 1.0}}
    for made in (many, alone):
        made["plans"][0]["pools"] = [pool]
    assert many["replications"] > 1
    assert NOTE.format(many["replications"]) in found(many, title).said
    assert not any("replications" in line for line in found(alone, title).said)


def test_a_result_without_pools_has_no_note_on_them() -> None:
    assert found(document(of(DEAR, CHEAP), PROVENANCE, []), "Pools").said == []
