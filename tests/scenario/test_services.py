"""Scenarios of several services: what is wrong with them, and what their results show."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.commands import call, refused
from support.scenarios import SERVICES, SMALL, Engine, write

import simcost.sim
from simcost import api
from simcost.billing import OnDemand
from simcost.errors import FaultsError
from simcost.present.terminal import text
from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.inputs.changes import base_value, with_value
from simcost.scenario.runs.check import check
from simcost.scenario.runs.run import run
from simcost.scenario.runs.services_apart import are_apart
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.studies.plans.sections import parts, read, write_html

PART = "      search: {scaling: {kind: fixed, replicas: 1}}\n"


def faults_of(folder: Path, *changes: tuple[str, str], scenario: str = SERVICES) -> list[str]:
    """Faults as text, each without its file and line, which must have the last key of its path."""
    found = find_faults(write(folder, *changes, text=scenario))
    assert all(one.line > 0 for one in found)
    return [f"{one.path}: {one.message}" for one in found]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The simulator replaced by one that counts."""
    found = Engine()
    monkeypatch.setattr(simcost.sim, "simulate", found)
    return found


def result(folder: Path, *changes: tuple[str, str], **options: Any) -> dict[str, Any]:
    return run(load_with_services(write(folder, *changes, text=SERVICES)), folder / "out", **options)


def test_a_sound_scenario_of_services_has_no_faults(tmp_path: Path) -> None:
    file = write(tmp_path, text=SERVICES)
    assert check(file) == {"faults": [], "notes": []}
    assert call("check", file).out == f"{file}: no faults\n"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("name: search", "name: chat"), "services.1.name: 'chat' is the name of a service before too"),
        (("ttft: 2s", "tft: 2s"), "services.1.slo.tft: unknown key 'tft'; did you mean 'ttft'"),
        (
            ("    slo: {ttft: 2s, attainment: 90%}\n", ""),
            "services.1.slo: is required, and missing",
        ),
        (
            ("    workload: {kind: synthetic, rate: 0.3/s, lengths: {prompt_median: 200, output_median: 30}}\n", ""),
            "services.1.workload: is missing; write the requests",
        ),
        (("model: llama-3.1-8b", "model: llama-3.1-8c"), "services.1.model: the catalog has no model"),
        (
            ("kind: synthetic, rate: 0.3/s", "kind: trace, path: t.parquet"),
            "services.1.workload.path: no file 't.parquet'",
        ),
        (("seeds: 2", "slo: {ttft: 1s}"), "slo: cannot be combined with services; write the slo of each"),
        (
            ("seeds: 2", "workload: {kind: synthetic, rate: 1/s}"),
            "workload: cannot be combined with services; write the workload of each service in it",
        ),
        (
            ("seeds: 2", "vary: [{path: services.chta.scaling.replicas, values: [1]}]"),
            "vary.0: varies 'chta', which is none of the services; did you mean 'chat'?",
        ),
        (
            ("seeds: 2", "vary: [[{services: {chat: {}, search: {}}}]]"),
            "vary.0: varies several services (chat, search); write a dimension for each",
        ),
        (
            ("    slo: {ttft: 2s", "    demand: {history: h.csv}\n    slo: {ttft: 2s"),
            "services.1.demand.forecast: is required, and missing",
        ),
        (("search: {scaling", "serch: {scaling"), "plans.0.services.serch: 'serch' is none of the services; did"),
        (
            ("chat: {scaling: {kind: fixed, replicas: 2}}", "chat: [4]"),
            "plans.1.services.chat: expected a mapping (key: value), not a list",
        ),
        (
            ("{scaling: {kind: fixed, replicas: 2}}", "{name: x, scaling: {kind: fixed, replicas: 2}}"),
            "plans.1.services.chat.name: is of a plan, not of one of its services",
        ),
        (
            (
                "{scaling: {kind: fixed, replicas: 2}}",
                "{scalin: {kind: fixed, replicas: 2}, scaling: {kind: fixed, replicas: 2}}",
            ),
            "plans.1.services.chat.scalin: unknown key 'scalin'; did you mean 'scaling'",
        ),
        (
            ("  - name: two\n", "  - name: two\n    training: {kind: gpus, gpus: 8}\n"),
            "plans.1.training: runs jobs, and there are none: write `jobs:` at the top, or take it out",
        ),
        (
            ("    search: {buy: {offer: aws/g6.2xlarge}}", "    search: {buy: {offer: aws/g6e.xlarge}}"),
            "defaults.services.search.buy.offer: aws/g6e.xlarge has l40s, the replica wants l4",
        ),
    ],
)
def test_a_fault_is_located_and_says_what_to_do(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = faults_of(tmp_path, change)
    assert any(one.startswith(fault) for one in found), found
    assert len(found) <= 3, found


SHARED = (
    SERVICES[: SERVICES.index("defaults:")]
    + """\
defaults: {replica: {accelerator: l4}, scaling: {kind: fixed, replicas: 1}}
plans:
  - name: one
    buy: {offer: aws/g6.12xlarge}
    services: {chat: {}, search: {}}
"""
)
CHAT = "chat: {"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ((CHAT, "chat: {nodes: at-once"), "plans.0.services.chat.nodes: nodes is of the nodes, which are those of the"),
        (
            (CHAT, "chat: {startup: {image: 9s}"),
            "plans.0.services.chat.startup.image: image is of the nodes, which are those of the plan; write it there",
        ),
        ((CHAT, "chat: {sharing: {quota: 0}"), "plans.0.services.chat.sharing.quota: 0 must be at least 1"),
        ((CHAT, "chat: {sharing: {prio: 1}"), "plans.0.services.chat.sharing.prio: unknown key 'prio'; did you mean"),
        ((CHAT, "chat: {sharing: {preempt: true}"), "plans.0.services.chat.sharing.preempt: is of the plan, not of"),
        (
            ("search: {", "search: {buy: {offer: aws/g6.xlarge}, sharing: {priority: 1}"),
            "plans.0.services.search.sharing: has no effect: the service competes with no other for nodes; remove it",
        ),
        (
            (CHAT, "chat: {disaggregation: {scaling: {kind: fixed, replicas: 1}, link: {bandwidth: 5GB/s}}"),
            "plans.0.services.chat.disaggregation: has prefill nodes of its own, and the service runs on those of the",
        ),
        (("buy: {offer: aws/g6.12xlarge}", "buy: serverless"), "plans.0.buy: serverless has workers of one replica"),
    ],
)
def test_what_services_cannot_share_is_located(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    assert faults_of(tmp_path, scenario=SHARED) == []
    found = faults_of(tmp_path, change, scenario=SHARED)
    assert any(one.startswith(fault) for one in found), found


def test_a_service_on_nodes_of_its_own_takes_nothing_of_shared_ones(tmp_path: Path) -> None:
    committed = "{offer: aws/g6.12xlarge, commitments: [{kind: savings-plan, commitment: $1/h, discount: 9 %}]}"
    own = ("search: {", "search: {buy: {offer: aws/g6.xlarge}")
    loaded = load_with_services(write(tmp_path, ("{offer: aws/g6.12xlarge}", committed), own, text=SHARED))
    assert isinstance(loaded, LoadedServices)
    chat, search = (loaded.services[name].scenario.plans[0].buy for name in ("chat", "search"))
    assert isinstance(chat, OnDemand)
    assert isinstance(search, OnDemand)
    assert (len(chat.commitments), len(search.commitments)) == (1, 0)


def test_a_plan_without_a_part_for_a_service_is_a_fault(tmp_path: Path) -> None:
    without = SERVICES.replace("    search: {buy: {offer: aws/g6.2xlarge}}\n", "").replace(PART, "", 1)
    found = faults_of(tmp_path, scenario=without)
    assert "plans.0.services.search: has no part for the service 'search'; write how it is served" in found[0]
    bare = without[: without.index("defaults:")] + "plans: [{name: one, buy: {offer: aws/g6.xlarge}}]\n"
    found = faults_of(tmp_path, scenario=bare)
    assert len(found) == 1
    assert "plans.0.services: is required, and missing: how each service is served; write `services: {chat:" in found[0]


def test_services_of_a_plan_need_services_at_the_top(tmp_path: Path) -> None:
    change = ("  - name: two\n", "  - name: two\n    services: {chat: {}}\n")
    found = faults_of(tmp_path, change, scenario=SMALL)
    assert len(found) == 1
    assert "plans.1.services: are not named at the top; write `services: [{name: ..., workload:" in found[0]


@pytest.mark.parametrize("services", ["services: []", "services: 3", "services: {chat: {model: llama-3.2-1b}}"])
def test_services_that_are_no_list_are_a_fault(tmp_path: Path, services: str) -> None:
    start, end = SERVICES.index("services:"), SERVICES.index("defaults:")
    found = faults_of(tmp_path, scenario=f"{SERVICES[:start]}{services}\n{SERVICES[end:]}")
    assert found
    assert all(one.startswith("services") for one in found), found


def test_a_study_of_one_pool_refuses_services_by_name(tmp_path: Path) -> None:
    said = refused("api", write(tmp_path, text=SERVICES), "--api", "groq/llama-3.1-8b-instant")
    assert "services: has 2 services, which `simcost run`, `check`, `optimize`, `sensitivity` and `advise` take" in said
    assert "here, ask for each service in a scenario of its own" in said


@pytest.fixture(scope="module")
def missed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a result, simulated, whose second service misses its target."""
    folder = tmp_path_factory.mktemp("missed")
    result(folder, ("slo: {ttft: 2s, attainment: 90%}", "slo: {ttft: 2s, percentiles: {ttft: {p50: 1us}}}"))
    return folder / "out"


@pytest.mark.usefixtures("no_pictures")
def test_a_result_shows_each_service_of_each_plan(missed: Path) -> None:
    document, shown = read(missed)
    assert [service["name"] for plan in document["plans"] for service in plan["services"]] == ["chat", "search"] * 2
    plan = document["plans"][0]
    assert plan.keys() - {"services", "allocation_by_service_usd_per_month"} == plan["services"][0].keys()
    assert plan["services"][0]["model"] == "llama-3.2-1b"
    said = text(document, parts(document))
    assert "Services met" in said
    assert "1 of 2" in said
    tables = {path.stem: pq.read_table(path) for path in (missed / "tables").iterdir()}
    for name in ("timeline", "hours", "latency", "nodes", "services"):
        assert set(tables[name]["service"].to_pylist()) == {"chat", "search"}, name
    assert len(tables["services"]) == 2 * len(tables["runs"]) == 8
    [latency] = [part for part in parts(document, shown) if part.title == "Latency of chat"]
    assert latency.chart is not None
    assert latency.chart().title.text.startswith("chat: ")
    assert "Latency of chat" in write_html(missed).read_text()


def test_a_missed_target_is_named_with_its_service(missed: Path) -> None:
    document = read(missed)[0]
    assert document["best"] is None
    for plan in document["plans"]:
        assert not plan["slo"]["met"]
        assert [service["slo"]["met"] for service in plan["services"]] == [True, False]
        assert "of search" in plan["slo"]["missed"]
        assert "of chat" not in plan["slo"]["missed"]
    assert "No plan meets the SLO of all 2 services" in document["verdict"]
    assert "TTFT p50" in document["verdict"]


@pytest.mark.usefixtures("no_pictures")
def test_a_gate_looks_at_every_service(tmp_path: Path, engine: Engine) -> None:
    asked = ("seeds: 2", "seeds: 2\nquality: {metric: mmlu, at_least: 64}")
    poor = ("model: llama-3.2-1b", "model: llama-3.1-8b")
    file = write(tmp_path, asked, poor, ("chat: {buy: {offer: aws/g6.xlarge}}", STATED), text=SERVICES)
    found = call("run", file, "--out", tmp_path / "out", "--quiet", "--fail-on", "quality")
    assert found.code == 1
    assert "quality missed by one (chat), two (chat)" in found.err
    assert "chat: one; chat: two: llama-3.1-8b, mmlu 60: own." in " ".join(found.out.split())


STATED = "chat: {buy: {offer: aws/g6.xlarge}, quality: {metric: mmlu, value: 60, source: own}}"


def test_a_bill_of_a_result_is_of_all_its_services(tmp_path: Path, engine: Engine) -> None:
    document = result(tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text("provider: aws\nregion: us-east-1\n")
    billed = call("bill", tmp_path / "out", "--plan", plan, "--json", "--quiet").document()
    assert billed["effective_usd"] == pytest.approx(document["plans"][0]["cost_usd"]["total"])


@pytest.mark.slow
def test_services_from_a_notebook(tmp_path: Path, engine: Engine) -> None:
    scenario = api.load(SERVICES)
    assert (scenario.name, scenario.plans) == ("small", ("one", "two"))
    changed = scenario.with_changes({"services.1.slo.ttft": "3s", "plans.0.services.chat.scaling.replicas": 3})
    found = changed.run(tmp_path / "out")
    assert found.plans[0]["services"][0]["replica_hours"]["idle"] == pytest.approx(0.5)
    with pytest.raises(FaultsError, match="has 2 services"):
        changed.sweep(tmp_path / "sweep")


HELD = "commitments: [{kind: savings-plan, name: plan, commitment: $1/h, discount: 30%}]"


def held_by_service(folder: Path, *changes: tuple[str, str]) -> dict[str, int]:
    """Number of commitments in the purchase of each service, and of the jobs."""
    loaded = load_with_services(write(folder, *changes, text=SERVICES))
    assert isinstance(loaded, LoadedServices)
    each = loaded.services | ({} if loaded.jobs is None else {"jobs": loaded.jobs})
    buys = {name: one.scenario.plans[0].buy for name, one in each.items()}
    return {name: len(buy.commitments) for name, buy in buys.items() if isinstance(buy, OnDemand)}


@pytest.mark.parametrize(
    ("buy", "chat", "held"),
    [
        ("{kind: on-demand, HELD}", "{buy: {offer: aws/g6.xlarge}}", {"chat": 1, "search": 0}),
        ("{kind: on-demand, HELD}", "{buy: {offer: aws/g6.xlarge, HELD}}", {"chat": 1, "search": 1}),
        ("{kind: on-demand, HELD}", "{buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}}", {"search": 1}),
        ("{HELD}", "{buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}}", {"search": 1}),
        ("{offer: aws/g6.xlarge, HELD}", "{}", {"chat": 1, "search": 0}),
        (
            "{offer: aws/g6.xlarge, HELD}",
            "{buy: {offer: gcp/g2-standard-4, region: us-east1}}",
            {"chat": 0, "search": 1},
        ),
    ],
    ids=["first", "own", "first on demand", "the same without a kind", "on the nodes of the plan", "of its cloud"],
)
def test_commitments_of_a_plan_are_bought_once(tmp_path: Path, buy: str, chat: str, held: dict[str, int]) -> None:
    """Each service bought them again, so that $1 an hour for all was $2."""
    plan = ("  - name: one\n", f"  - name: one\n    buy: {buy}\n".replace("HELD", HELD))
    own = ("chat: {buy: {offer: aws/g6.xlarge}}", f"chat: {chat}".replace("HELD", HELD))
    two = ("  - name: two\n", "  - name: two\n    buy: {offer: aws/g6.xlarge}\n") if chat == "{}" else ("two", "two")
    assert held_by_service(tmp_path, plan, own, two) == held


def test_a_commitment_of_a_plan_may_vary(tmp_path: Path) -> None:
    """Only one of its services has it, and it was said not to be there."""
    change = ("  - name: one\n", f"  - name: one\n    buy: {{kind: on-demand, {HELD}}}\n")
    loaded, path = load_with_services(write(tmp_path, change, text=SERVICES)), "plans.0.buy.commitments.0.commitment"
    assert base_value(loaded, path) == 1.0
    assert base_value(with_value(loaded, path, 2.0).loaded, path) == 2.0


def test_commitments_that_no_service_can_have_are_located(tmp_path: Path) -> None:
    spot = "{kind: spot, offer: aws/g6.xlarge, price: $0.3/h}"
    changes = [("{offer: aws/g6.xlarge}", spot), ("{offer: aws/g6.2xlarge}", spot)]
    changes.append(("  - name: one\n", f"  - name: one\n    buy: {{kind: on-demand, {HELD}}}\n"))
    [fault] = faults_of(tmp_path, *changes)
    assert fault.startswith("plans.0.buy.commitments: would cover nothing: none of the services buys on demand")


def test_services_of_which_a_prefill_side_commits_are_not_apart(tmp_path: Path) -> None:
    """Commitments cover all nodes of the plan in their cloud, whichever of its purchases has them."""
    side = (
        f"{{scaling: {{kind: fixed, replicas: 1}}, link: {{bandwidth: 10GB/s}}, buy: {{offer: aws/g6.xlarge, {HELD}}}}}"
    )
    own = (
        "chat: {scaling: {kind: fixed, replicas: 2}}",
        "chat: {scaling: {kind: fixed, replicas: 2}, disaggregation: SIDE}",
    )
    loaded = load_with_services(write(tmp_path, own, ("SIDE", side), text=SERVICES))
    assert are_apart(loaded, ["one"])
    assert not are_apart(loaded, ["one", "two"])
