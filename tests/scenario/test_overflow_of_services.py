"""What services send on to an API is in the totals of their plan."""

from pathlib import Path

import pytest
from support.scenarios import SERVICES, write

from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs.run import run

pytestmark = pytest.mark.slow


def test_the_totals_of_a_plan_are_the_sums_of_its_services(tmp_path: Path) -> None:
    api = "overflow: {api: groq/llama-3.1-8b-instant, ttft: 1s, tpot: 9ms}, admission: {max_ongoing: 1, max_queued: 0}"
    text = SERVICES.partition("  - name: two")[0].replace("chat: {buy", f"chat: {{{api}, buy")
    text = text.replace("rate: 0.5/s", "rate: 8/s")
    [plan] = run(load_with_services(write(tmp_path, text=text)), tmp_path / "out", seeds=1)["plans"]
    services = {service["name"]: service for service in plan["services"]}
    assert services["chat"]["requests"]["overflowed"] > 0
    assert "overflow" not in services["search"]
    assert plan["requests"]["overflowed"] == services["chat"]["requests"]["overflowed"]
    assert plan["overflow"] == pytest.approx(services["chat"]["overflow"])
