"""What services cannot be combined with: each refusal is located, and says what to do."""

from pathlib import Path

import pytest
from support.commands import refused
from support.scenarios import SERVICES, write

from simcost.scenario.checks.load import find_faults

CHAT = "chat: {scaling: {kind: fixed, replicas: 1}"
OF_CHAT = "workload: {kind: synthetic, rate: 0.5/s, lengths: {prompt_median: 100, output_median: 20}}"
OF_SEARCH = "workload: {kind: synthetic, rate: 0.3/s, lengths: {prompt_median: 200, output_median: 30}}"
CLOSED = "workload: {kind: closed, clients: 3, lengths: {prompt_median: 9, output_median: 9}}"
CASCADE = (CHAT, f"{CHAT}, cascade: {{to: search, escalate: 20%}}")
FALLBACK = (CHAT, f"{CHAT}, fallback: {{to: search}}")
TOGETHER = (
    ("    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}", "    chat: {}"),
    ("  - name: one\n", "  - name: one\n    buy: {offer: aws/g6.12xlarge}\n"),
    ("  - name: two\n", "  - name: two\n    buy: {offer: aws/g6.12xlarge}\n"),
)
"""Both services on the nodes of each plan."""
DEMAND = "demand: {history: hourly.csv, forecast: {horizon: 2h}, requests: {tenant: acme}}"


def faults(folder: Path, *changes: tuple[str, str]) -> list[str]:
    """Faults of the scenario of two services with changes, with where they are."""
    found = find_faults(write(folder, *changes, text=SERVICES))
    assert all(one.line > 0 and one.column > 0 for one in found)
    return [f"{one.path}: {one.message}" for one in found]


@pytest.mark.parametrize("rule", [CASCADE, FALLBACK])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [(OF_CHAT, OF_CHAT.replace("rate:", "tenant: acme, rate:"))],
            "cannot be combined with tenants, and requests of 'chat' have some; take `tenant` out of the workload",
        ),
        (
            [(OF_SEARCH, OF_SEARCH.replace("rate:", "tenant: acme, rate:"))],
            "cannot be combined with tenants, and requests of 'search' have some; take `tenant` out of the workload",
        ),
        (
            [(OF_SEARCH, DEMAND)],
            "cannot be combined with tenants, and requests of 'search' have some; take `tenant` out of the workload",
        ),
        (
            [(OF_CHAT, CLOSED)],
            (
                "cannot be combined with a closed loop, and the clients of 'chat' are one; write a workload whose "
                "requests come when they do"
            ),
        ),
        (
            [(OF_SEARCH, CLOSED)],
            (
                "cannot be combined with a closed loop, and the clients of 'search' are one; write a workload whose "
                "requests come when they do"
            ),
        ),
        (
            TOGETHER,
            (
                "sends requests from 'chat' to 'search', which share nodes and are simulated together; give one of the "
                "two a `buy` of its own"
            ),
        ),
    ],
)
def test_requests_that_no_service_may_send_on_are_located(
    tmp_path: Path, rule: tuple[str, str], changes: list[tuple[str, str]], message: str
) -> None:
    key = "cascade" if rule is CASCADE else "fallback"
    assert f"plans.0.services.chat.{key}: {message}" in faults(tmp_path, rule, *changes)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            (CHAT, f"{CHAT}, pools: [{{name: x}}, {{name: y}}]"),
            (
                "plans.0.services.chat.pools: have nodes of their own, and the service runs on those of the plan; give "
                "it a `buy` of its own"
            ),
        ),
        (
            (CHAT, f"{CHAT}, sharing: {{preempt: true}}"),
            "plans.0.services.chat.sharing.preempt: is of the plan, not of one of its services; write it there",
        ),
        (
            ("buy: {offer: aws/g6.12xlarge}", "buy: managed-endpoint"),
            "plans.0.buy: managed-endpoint has workers of one replica each; services share nodes, which are bought",
        ),
    ],
)
def test_what_services_on_the_same_nodes_cannot_have_is_located(
    tmp_path: Path, change: tuple[str, str], fault: str
) -> None:
    assert fault in faults(tmp_path, *TOGETHER, change)


@pytest.mark.parametrize(
    ("said", "message"),
    [("[]", "has no service; name at least one"), ("chat", "expected a list of services, not 'chat'")],
)
def test_what_is_no_list_of_services_is_located(tmp_path: Path, said: str, message: str) -> None:
    listed = SERVICES[SERVICES.index("  - name: chat") : SERVICES.index("defaults:")]
    assert f"services: {message}" in faults(tmp_path, (f":\n{listed}", f": {said}\n"))


def test_optimize_asks_what_may_vary_of_services_that_share_futures(tmp_path: Path) -> None:
    times = [f"2026-01-{day:02d}T{hour:02d}:00:00Z,{100 + hour}" for day in range(5, 13) for hour in range(24)]
    (tmp_path / "hourly.csv").write_text("\n".join(["timestamp,requests", *times]) + "\n", encoding="utf-8")
    demand = "demand: {history: hourly.csv, forecast: {horizon: 2h, model: seasonal-naive-week}, requests: {}}"
    file = write(tmp_path, (OF_CHAT, demand), (OF_SEARCH, demand), ("horizon: 10min\n", ""), text=SERVICES)
    assert "has no `vary`" in refused("optimize", file)
