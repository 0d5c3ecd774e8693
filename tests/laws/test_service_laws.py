"""Laws of several services in one scenario: on nodes of their own they are scenarios of their own; bills add up."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.scenarios import SERVICES, Engine, alone, write

import simcost.sim
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs.resolve_services import service_seed
from simcost.scenario.runs.run import run
from simcost.studies.verification.study import verify

Document = dict[str, Any]
COMMITTED = "{offer: aws/g6.2xlarge, commitments: [{kind: savings-plan, name: base, commitment: $9/h, discount: 30 %}]}"
ONE_ACCOUNT = (("{offer: aws/g6.xlarge}", COMMITTED), ("{offer: aws/g6.2xlarge}", COMMITTED))


def result(folder: Path, text: str, *changes: tuple[str, str], **options: Any) -> Document:
    folder.mkdir(exist_ok=True)
    return run(load_with_services(write(folder, *changes, text=text)), folder / "out", **options)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """Two services, simulated."""
    return result(tmp_path_factory.mktemp("both"), SERVICES)


def named(service: Document, name: str) -> Document:
    return service | {"name": name}


@pytest.mark.parametrize("service", ["chat", "search"])
def test_two_services_on_nodes_of_their_own_are_two_scenarios(both: Document, tmp_path: Path, service: str) -> None:
    seed = service_seed(1, service)
    assert both["provenance"]["service_seeds"][service] == seed
    single = result(tmp_path, alone(service), seed=seed)
    place = ["chat", "search"].index(service)
    assert [named(plan["services"][place], plan["name"]) for plan in both["plans"]] == single["plans"]


def test_a_service_alone_is_a_scenario_of_one_pool(tmp_path: Path) -> None:
    text = SERVICES.replace(SERVICES[SERVICES.index("  - name: search") : SERVICES.index("defaults")], "")
    lines = [line for line in text.splitlines(keepends=True) if not line.strip().startswith("search:")]
    single = result(tmp_path / "single", alone("chat"))
    service = result(tmp_path / "service", "".join(lines))
    assert [named(plan["services"][0], plan["name"]) for plan in service["plans"]] == single["plans"]
    for one, plan in zip(service["plans"], single["plans"], strict=True):
        assert one["cost_usd"] == plan["cost_usd"]
        assert (one["requests"], one["replica_hours"]) == (plan["requests"], plan["replica_hours"])
        assert one["utilisation"] == plan["utilisation"]
        assert one["slo"]["attainment"] == pytest.approx(plan["slo"]["attainment"])
    assert stored(tmp_path / "service") == stored(tmp_path / "single")


def stored(folder: Path) -> dict[str, bytes]:
    """The stored runs by their keys, with what they hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "out" / "runs").rglob("*"))
        if path.is_file() and path.suffix == ".parquet"
    }


def test_the_order_of_services_changes_nothing(both: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, middle, end = (SERVICES.index(word) for word in ("  - name: chat", "  - name: search", "defaults:"))
    turned = SERVICES[:start] + SERVICES[middle:end] + SERVICES[start:middle] + SERVICES[end:]
    other = result(tmp_path, turned)
    for one, plan in zip(other["plans"], both["plans"], strict=True):
        assert list(reversed(one["services"])) == plan["services"]
        assert one["cost_usd"]["total"] == pytest.approx(plan["cost_usd"]["total"])


def test_a_plan_is_the_sum_of_its_services(both: Document) -> None:
    for plan in both["plans"]:
        services = plan["services"]
        assert plan["requests"] == {
            name: sum(service["requests"][name] for service in services) for name in plan["requests"]
        }
        for key in ("accelerator_hours", "node_hours"):
            assert plan[key] == pytest.approx(sum(service[key] for service in services))
        assert plan["over_provisioned"]["usd"] == pytest.approx(
            sum(service["over_provisioned"]["usd"] for service in services)
        )
        assert plan["energy"]["kwh_per_month"] == pytest.approx(
            sum(service["energy"]["kwh_per_month"] for service in services)
        )
        assert plan["slo"]["met"] == all(service["slo"]["met"] for service in services)
        worked = sum(service["utilisation"] * service["accelerator_hours"] for service in services)
        assert plan["utilisation"] == pytest.approx(worked / plan["accelerator_hours"])


@pytest.mark.parametrize("changes", [(), ONE_ACCOUNT], ids=["accounts of their own", "one account"])
def test_the_bill_by_service_adds_up_to_that_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: tuple[tuple[str, str], ...]
) -> None:
    monkeypatch.setattr(simcost.sim, "simulate", Engine())
    for plan in result(tmp_path, SERVICES, *changes)["plans"]:
        parts = plan["allocation_by_service_usd_per_month"]
        services = {service["name"]: service["cost_usd"]["per_month"] for service in plan["services"]}
        assert parts["services"] == services
        total = sum(services.values()) + parts["idle"] + parts["unused_commitments"]
        assert total == pytest.approx(plan["cost_usd"]["per_month"])
        assert parts["idle"] == pytest.approx(0.0, abs=1e-9)
        assert (parts["unused_commitments"] > 1.0) == bool(changes)
        for service in plan["services"]:
            assert sum(service["cost_usd"]["by_state"].values()) == pytest.approx(
                service["cost_usd"]["by_category"]["compute"]
            )


def test_a_commitment_is_paid_once_for_all_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simcost.sim, "simulate", Engine())
    together = result(tmp_path / "together", SERVICES, *ONE_ACCOUNT)["plans"][0]
    single = result(tmp_path / "single", alone("search"), ("{offer: aws/g6.2xlarge}", COMMITTED))["plans"][0]
    assert together["cost_usd"]["by_category"]["compute"] == pytest.approx(single["cost_usd"]["by_category"]["compute"])


def test_runs_are_those_of_the_services_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    monkeypatch.setattr(simcost.sim, "simulate", engine)
    result(tmp_path, SERVICES)
    assert engine.calls == 6
    for service in ("chat", "search"):
        result(tmp_path, alone(service), seed=service_seed(1, service))
    assert engine.calls == 6


def test_the_resolved_scenario_reads_back_to_the_same_and_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simcost.sim, "simulate", Engine())
    first = result(tmp_path, SERVICES, seed=7, seeds=3)
    written = tmp_path / "out" / "scenario.yaml"
    text = written.read_text()
    again = load_with_services(written)
    assert run(again, tmp_path / "again")["plans"] == first["plans"]
    assert (tmp_path / "again" / "scenario.yaml").read_text() == text
    assert json.loads((tmp_path / "again" / "result.json").read_text())["provenance"]["seed"] == 7


SHARED = (
    SERVICES[: SERVICES.index("defaults:")]
    + """\
defaults:
  replica: {accelerator: l4}
  startup: {node: 10s, image: 5s, engine: 5s}
plans:
  - name: together
    buy: {offer: aws/g6.12xlarge}
    sharing: {preempt: true}
    services:
      chat: {scaling: {kind: fixed, replicas: 2}, sharing: {priority: 1}}
      search: {scaling: {kind: fixed, replicas: 1}}
  - name: apart
    buy: {offer: aws/g6.12xlarge}
    services:
      chat: {scaling: {kind: fixed, replicas: 2}}
      search: {scaling: {kind: fixed, replicas: 1}, buy: {offer: aws/g6.xlarge}}
"""
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Document]:
    """Two services on one node of four accelerators, of which they hold three, and beside it apart; simulated."""
    folder = tmp_path_factory.mktemp("shared")
    return folder, result(folder, SHARED)


def test_services_on_shared_nodes_pay_for_what_they_hold(shared: tuple[Path, Document]) -> None:
    together, apart = shared[1]["plans"]
    parts, usd = together["allocation_by_service_usd_per_month"], together["cost_usd"]["per_month"]
    assert together["node_hours"] == pytest.approx(1 / 6)
    assert [service["node_hours"] for service in together["services"]] == pytest.approx([1 / 12, 1 / 24])
    assert sum(parts["services"].values()) + parts["idle"] + parts["unused_commitments"] == pytest.approx(usd)
    compute = together["cost_usd"]["by_category"]["compute"] / together["cost_usd"]["total"] * usd
    assert parts["services"]["chat"] == pytest.approx(compute / 2, rel=0.02)
    assert parts["idle"] == pytest.approx(compute / 4, rel=0.02)
    assert together["over_provisioned"]["share"] >= 0.25
    held = sum(service["energy"]["kwh_per_month"] for service in together["services"])
    assert 0.5 * together["energy"]["kwh_per_month"] < held < together["energy"]["kwh_per_month"]
    assert apart["allocation_by_service_usd_per_month"]["idle"] == pytest.approx(0.0, abs=1e-6)


def test_where_services_do_not_meet_they_are_served_as_on_nodes_of_their_own(shared: tuple[Path, Document]) -> None:
    together, apart = shared[1]["plans"]
    for service, other in zip(together["services"], apart["services"], strict=True):
        assert (service["slo"], service["requests"]) == (other["slo"], other["requests"])


def test_runs_on_shared_nodes_are_stored_and_read_back(
    shared: tuple[Path, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, first = shared
    monkeypatch.setattr(simcost.sim, "simulate_services", None)
    monkeypatch.setattr(simcost.sim, "simulate", None)
    assert result(folder, SHARED)["plans"] == first["plans"]
    assert verify(folder / "out").ok
    written = folder / "out" / "scenario.yaml"
    text = written.read_text()
    assert run(load_with_services(written), folder / "out")["plans"] == first["plans"]
    assert written.read_text() == text
