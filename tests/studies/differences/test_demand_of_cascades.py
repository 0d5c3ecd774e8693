"""`simcost diff` of plans whose services send requests on: the demand is that of the clients."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.commands import call
from support.scenarios import SERVICES, write

pytestmark = pytest.mark.slow

PLANS = ("one", "two")
TWO = "chat: {scaling: {kind: fixed, replicas: 2}"
CASCADE = (TWO, f"{TWO}, cascade: {{to: search, escalate: 50%}}")


def test_a_request_that_services_send_on_counts_once(tmp_path: Path) -> None:
    """Escalated requests were counted twice: plans for the same clients differed in "more or fewer requests"."""
    assert call("run", write(tmp_path, CASCADE, text=SERVICES), "--out", tmp_path / "out", "--quiet").code == 0
    out = tmp_path / "out"
    runs = pq.read_table(out / "tables/runs.parquet").to_pylist()
    clients = {plan: [run["arrived"] - (run["received"] or 0) for run in runs if run["plan"] == plan] for plan in PLANS}
    assert clients["one"] == clients["two"]
    assert all(run["received"] for run in runs if run["plan"] == "two")
    document = call("diff", out, out, "--plan-a", "one", "--plan-b", "two", "--json").document()
    effects = {one["effect"]: one["usd"] for one in document["effects"]}
    assert effects["policy"] > 0
    assert effects.get("demand", 0.0) == 0.0
