"""Cascades and fallbacks between services: what is wrong with them, and what results and other verbs say."""

from pathlib import Path

import pytest
from support.commands import refused
from support.scenarios import SERVICES, write

from simcost.errors import InputError
from simcost.present.format import NONE
from simcost.present.terminal import text
from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.files.json_schema import json_schema
from simcost.scenario.inputs.changes import base_value, with_value
from simcost.scenario.runs.run import run
from simcost.studies.plans.sections import parts, read

pytestmark = pytest.mark.slow

CHAT, SEARCH = "chat: {scaling: {kind: fixed, replicas: 1}", "search: {scaling: {kind: fixed, replicas: 1}"
CASCADE = (CHAT, f"{CHAT}, cascade: {{to: search, escalate: 20%}}")
WORKLOAD = "workload: {kind: synthetic, rate: 0.3/s, lengths: {prompt_median: 200, output_median: 30}}"


def with_chat(rest: str) -> tuple[str, str]:
    return CHAT, f"{CHAT}, {rest}"


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        (
            [with_chat("cascade: {to: serch, escalate: 20%}")],
            "cascade.to",
            "'serch' is none of the services; did you mean",
        ),
        ([with_chat("cascade: {to: chat, escalate: 20%}")], "cascade.to", "is the service itself; name another one"),
        ([with_chat("cascade: {to: search, escalate: 120%}")], "cascade.escalate", "'120%' must be at most 1"),
        ([with_chat("cascade: {to: search, escalate: -1%}")], "cascade.escalate", "'-1%'"),
        ([with_chat("cascade: {to: search}")], "cascade.escalate", "is required, and missing"),
        ([with_chat("cascade: {to: search, share: 20%}")], "cascade.share", "unknown key 'share'"),
        ([with_chat("fallback: {to: nowhere}")], "fallback.to", "'nowhere' is none of the services; services are chat"),
        (
            [CASCADE, (SEARCH, f"{SEARCH}, fallback: {{to: chat}}")],
            "cascade",
            "sends requests from 'chat' to 'search' to 'chat'; take one of these out",
        ),
        (
            [
                CASCADE,
                ("    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}", "    chat: {}"),
                ("  - name: one\n", "  - name: one\n    buy: {offer: aws/g6.12xlarge}\n"),
                ("  - name: two\n", "  - name: two\n    buy: {offer: aws/g6.12xlarge}\n"),
            ],
            "cascade",
            "sends requests from 'chat' to 'search', which share nodes and are simulated together; give one of the two",
        ),
        (
            [CASCADE, (WORKLOAD, WORKLOAD.replace("rate:", "tenant: acme, rate:"))],
            "cascade",
            "cannot be combined with tenants, and requests of 'search' have some",
        ),
        (
            [
                CASCADE,
                (WORKLOAD, "workload: {kind: closed, clients: 3, lengths: {prompt_median: 9, output_median: 9}}"),
            ],
            "cascade",
            "cannot be combined with a closed loop, and the clients of 'search' are one",
        ),
    ],
)
def test_a_fault_is_located_and_says_what_to_do(
    tmp_path: Path, changes: list[tuple[str, str]], path: str, message: str
) -> None:
    found = find_faults(write(tmp_path, *changes, text=SERVICES))
    mine = [one for one in found if one.path == f"plans.0.services.chat.{path}" and one.message.startswith(message)]
    assert mine, found
    assert all(one.line > 0 for one in found)


def test_the_schema_knows_cascades_in_a_part_of_a_plan_alone() -> None:
    members = json_schema()["$defs"]
    assert members["Part"]["properties"]["cascade"]["anyOf"][0] == {"$ref": "#/$defs/Cascade"}
    assert "fallback" not in members["Plan"]["properties"]


def test_optimize_of_services_that_send_requests_on_needs_a_space(tmp_path: Path) -> None:
    assert "has no `vary`, and its services" in refused("optimize", write(tmp_path, CASCADE, text=SERVICES))


def test_a_result_says_how_many_were_sent_on(tmp_path: Path) -> None:
    run(load_with_services(write(tmp_path, CASCADE, text=SERVICES)), tmp_path / "out", seeds=1)
    document = read(tmp_path / "out")[0]
    plan = document["plans"][0]
    services = {service["name"]: service for service in plan["services"]}
    completed = sum(service["requests"]["completed"] for service in services.values())
    final = completed - services["chat"]["escalated"]
    assert plan["unit_costs"]["usd_per_request"] == pytest.approx(plan["cost_usd"]["total"] / final)
    output_usd = plan["unit_costs"]["usd_per_million_output_tokens"]
    assert output_usd == pytest.approx(plan["cost_usd"]["per_million_output_tokens"])
    generated = sum(
        service["cost_usd"]["total"] / service["unit_costs"]["usd_per_million_output_tokens"]
        for service in services.values()
    )
    assert output_usd > plan["cost_usd"]["total"] / generated
    [between] = [part for part in parts(document) if part.title == "Requests between services"]
    chat, expert = between.rows or []
    assert chat["Escalated"] == expert["From others"] != "0"
    assert (expert["Escalated"], expert["Own attainment"]) == (NONE, NONE)
    shown = " ".join(text(document, parts(document)).split())
    assert "Requests between services" in shown
    assert "Requests are escalated at random" in shown


def test_the_share_that_is_sent_on_varies(tmp_path: Path) -> None:
    """It is in the scenario, so that `--vary` reads and changes it; what is not a number is named by its fields."""
    loaded, path = load_with_services(write(tmp_path, CASCADE, text=SERVICES)), "plans.one.services.chat.cascade"
    assert base_value(loaded, f"{path}.escalate") == 0.2
    changed = with_value(loaded, f"{path}.escalate", 0.5).loaded
    assert base_value(changed, f"{path}.escalate") == 0.5
    with pytest.raises(InputError, match=r"a group of fields \(to, escalate, with_answer\) is not a number"):
        base_value(loaded, path)


def test_rights_on_shared_nodes_vary(tmp_path: Path) -> None:
    own = "    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}\n"
    shared = SERVICES.replace(own, "").replace("  services:\nplans", "  buy: {offer: aws/g6.12xlarge}\nplans")
    loaded = load_with_services(write(tmp_path, (CHAT, f"{CHAT}, sharing: {{quota: 2}}"), text=shared))
    path = "plans.one.services.chat.sharing.quota"
    assert base_value(loaded, path) == 2
    assert base_value(with_value(loaded, path, 3).loaded, path) == 3
