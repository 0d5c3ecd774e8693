"""Cascades of services on shared nodes: with room for all, they give what they give on nodes of their own."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.scenarios import write

from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.runs.run import run

pytestmark = pytest.mark.slow

TEXT = """\
scenario: cascade
horizon: 10min
seeds: 2
services:
  - name: chat
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 0.5/s, lengths: {prompt_median: 100, output_median: 20}}
    slo: {ttft: 1s, attainment: 95%}
  - name: other
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 0.3/s, lengths: {prompt_median: 200, output_median: 30}}
    slo: {ttft: 1s, attainment: 95%}
  - name: search
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 0.3/s, lengths: {prompt_median: 200, output_median: 30}}
    slo: {ttft: 2s, attainment: 90%}
defaults:
  replica: {accelerator: l4}
  scaling: {kind: fixed, replicas: 1}
plans:
  - name: apart
    services:
      chat: {buy: {offer: aws/g6.xlarge}, cascade: {to: CHAT}}
      other: {buy: {offer: aws/g6.xlarge}}
      search: {buy: {offer: aws/g6.xlarge}}
  - name: sender shares
    buy: {offer: aws/g6.12xlarge}
    services:
      chat: {cascade: {to: CHAT}}
      other: {}
      search: {buy: {offer: aws/g6.xlarge}}
  - name: receiver shares
    buy: {offer: aws/g6.12xlarge}
    services:
      chat: {buy: {offer: aws/g6.xlarge}, cascade: {to: CHAT}}
      other: {}
      search: {}
""".replace("{to: CHAT}", "{to: search, escalate: 30%}")
SAME = ("requests", "slo", "escalated", "received", "final_attainment", "own_attainment")


def of_services(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: service[key] for key in SAME if key in service} for service in plan["services"]]


def test_services_on_shared_nodes_send_and_get_what_they_do_on_their_own(tmp_path: Path) -> None:
    file = write(tmp_path, text=TEXT)
    first = run(load_with_services(file), tmp_path / "out")
    apart, sends, gets = first["plans"]
    assert of_services(sends) == of_services(apart)
    assert of_services(gets) == of_services(apart)
    charges = pq.read_table(tmp_path / "out/tables/charges.parquet").to_pylist()
    sent = dict.fromkeys((plan["name"] for plan in first["plans"]), 0.0)
    for charge in charges:
        sent[charge["plan"]] += charge["consumed_quantity"] * (charge["sku"] == "egress")
    assert list(sent.values()) == pytest.approx([sent["apart"]] * 3, rel=1e-9)
    chat, _, search = apart["services"]
    assert chat["escalated"] == search["received"] > 50
    for plan in (sends, gets):
        parts = [service["cost_usd"]["total"] for service in plan["services"]]
        assert sum(parts) < plan["cost_usd"]["total"]  # the node that they share has four GPUs
    again = run(load_with_services(file), tmp_path / "out")
    assert again["plans"] == first["plans"]


@pytest.mark.parametrize(
    ("change", "services"),
    [
        (("chat: {buy: {offer: aws/g6.xlarge}, cascade", "chat: {cascade"), "'chat' to 'search'"),
        (
            (
                "      other: {}\n      search: {}\n",
                "      other: {cascade: {to: chat, escalate: 9%}}\n      search: {}\n",
            ),
            "'other' to 'search'",
        ),
    ],
)
def test_requests_between_services_on_the_same_nodes_are_refused(
    tmp_path: Path, change: tuple[str, str], services: str
) -> None:
    text = TEXT[: TEXT.index("  - name: apart")] + TEXT[TEXT.index("  - name: receiver") :]
    [fault] = find_faults(write(tmp_path, change, text=text))
    assert fault.message.startswith(f"sends requests from {services}, which share nodes and are simulated together")
