"""Samples that do not say who waits: free GPUs are free, and not free of waiting jobs."""

from pathlib import Path

from support.shown import on_terminal

from simcost.studies.waste.study import waste
from simcost.studies.waste.view import parts

ROWS = """\
timestamp,pool,gpus,allocated,pending
2026-03-02T00:00:00Z,a,8,4,4
2026-03-02T01:00:00Z,a,8,8,0
2026-03-02T02:00:00Z,a,8,2,1
"""
text = on_terminal(parts)


def test_free_gpus_are_not_said_to_be_free_of_waiting_jobs_where_that_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "pools.csv"
    path.write_text(ROWS, encoding="utf-8")
    found = waste(path, price_usd_per_h=2.0)
    assert found.blocked is None
    assert "no job wait" not in found.verdict + text(found)
    assert "free with" not in found.verdict
    assert [one["kind"] for one in found.findings if "pending_gpus" in one["message"]] == ["pending_unknown"]


def test_with_the_column_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "pools.csv"
    path.write_text(ROWS, encoding="utf-8")
    found = waste(path, price_usd_per_h=2.0, mapping={"pending_gpus": "pending"})
    hours = {name: bucket.gpu_hours for name, bucket in found.buckets.items() if bucket.gpu_hours}
    assert hours == {"unmeasured": 14.0, "blocked_in_pool": 5.0, "free_idle": 5.0}
    assert "free, no job waits" in text(found)
    assert not [one for one in found.findings if one["kind"] == "pending_unknown"]
