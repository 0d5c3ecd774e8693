"""`simcost optimize` of several services: the optimum of each, together; services that depend on each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import call, refused
from support.scenarios import SERVICES, alone, write

pytestmark = pytest.mark.slow

VARY = """\
vary:
  - {path: services.chat.scaling.replicas, values: [1, 2]}
  - [{services: {search: {replica: {precision: fp8}}}}, {services: {search: {replica: {precision: bf16}}}}]
  - [{router: round-robin}, {router: least-outstanding}]
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("services")
    file = write(folder, text=SERVICES + VARY)
    return folder, call("optimize", file, "--json", "--quiet", "--out", folder / "out").document()


def test_the_optimum_of_all_is_that_of_each(answer: tuple[Path, dict[str, Any]]) -> None:
    _, document = answer
    chat, search = document["services"]
    assert (chat["candidates"], search["candidates"]) == (4, 4), "a dimension of one service is not one of the other"
    assert document["candidates"] == 8
    total = sum(service["best"]["cost_usd"]["per_month"] for service in document["services"])
    assert document["best"]["cost_usd"]["per_month"] == pytest.approx(total)
    assert document["bound_usd_per_month"] <= total
    least = min(service["runner_up"]["difference"]["mean"] for service in document["services"])
    assert document["runner_up"]["difference"]["mean"] == least
    assert document["verdict"].startswith("2 services cost least together at $")


def test_assumptions_are_those_of_all_services_and_shown(answer: tuple[Path, dict[str, Any]]) -> None:
    """Together they are billed less than by `run`, for a free volume of traffic each, and only the JSON said so."""
    folder, document = answer
    shown = call("optimize", folder / "small.yaml", "--quiet", "--out", folder / "out").out
    assert "a month, each billed alone" in document["verdict"]
    assert "Each service is billed alone" in document["assumptions"][0]
    assert any(text.startswith("search: Memory") for text in document["assumptions"])
    assert all(" ".join(text.split()[:6]) in " ".join(shown.split()) for text in document["assumptions"])


def test_the_front_of_all_has_a_plan_of_the_front_of_each(answer: tuple[Path, dict[str, Any]]) -> None:
    _, document = answer
    of_each = {one["name"]: {point["name"]: point for point in one["frontier"]} for one in document["services"]}
    on = [point for point in document["frontier"] if not point["near"]]
    assert len(on) > 1
    for point in on:
        parts = [of_each[service][name] for service, name in point["services"].items()]
        assert not any(part["near"] for part in parts)
        assert point["usd_per_month"] == pytest.approx(sum(part["usd_per_month"] for part in parts))
        assert point["kg_co2e_per_month"] == pytest.approx(sum(part["kg_co2e_per_month"] for part in parts))
        assert point["attainment"] == min(part["attainment"] for part in parts)
    cheapest = min(one["usd_per_month"] for one in on if one["met"])
    assert cheapest <= document["best"]["cost_usd"]["per_month"] * 1.05


def test_a_service_is_searched_as_in_a_scenario_of_its_own(answer: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _, document = answer
    own = (
        alone("chat") + "vary: [{path: scaling.replicas, values: [1, 2]}, " + VARY.rpartition("  - ")[2].strip() + "]\n"
    )
    seed = document["provenance"]["service_seeds"]["chat"]
    words = ("--seed", seed, "--json", "--quiet", "--out", tmp_path / "out")
    said = call("optimize", write(tmp_path, text=own), *words).document()
    assert said["frontier"] == document["services"][0]["frontier"]
    assert said["best"]["name"] == document["services"][0]["best"]["name"]


def test_the_plan_is_one_that_can_be_run(answer: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _, document = answer
    text = yaml.safe_load(SERVICES)
    text["plans"] = [document["best"]["plan"]]
    words = ("--seed", document["provenance"]["confirmation_seed"], "--json", "--quiet", "--out", tmp_path / "out")
    [plan] = call("run", write(tmp_path, text=yaml.safe_dump(text)), *words).document()["plans"]
    assert plan["slo"]["met"]
    assert plan["cost_usd"]["per_month"] == pytest.approx(document["best"]["cost_usd"]["per_month"], rel=1e-12)
    for found, service in zip(plan["services"], document["best"]["services"], strict=True):
        assert found["requests"] == service["requests"]
        assert found["slo"]["attainment"] == service["slo"]["attainment"]


def test_what_is_shown_has_the_plans_of_each(answer: tuple[Path, dict[str, Any]]) -> None:
    folder, document = answer
    [file] = folder.glob("*.yaml")
    said = call("optimize", file, "--quiet", "--out", folder / "out", "--fail-on", "budget=1")
    assert said.code == 1
    assert said.out.replace("\n", " ").startswith(document["verdict"])
    assert "chat: plans" in said.out
    assert "all services: front" in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_services_that_share_nodes_need_a_space(tmp_path: Path) -> None:
    shared = SERVICES.replace(
        "    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}\n", ""
    )
    shared = shared.replace("  services:\nplans", "  buy: {offer: aws/g6.12xlarge}\nplans")
    told = refused("optimize", write(tmp_path, text=shared), "--out", tmp_path / "out")
    assert "has no `vary`, and its services or jobs depend on each other" in told
    assert "services.NAME.scaling.replicas" in told
