"""Commitments chosen for all nodes of a plan, which are one account of each cloud."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.bought_nodes import there
from support.scenarios import SERVICES, write

from simcost.billing import OnDemand
from simcost.billing.commitment import ReservedInstances, ResourceCud, SavingsPlan
from simcost.catalog import load_catalog
from simcost.errors import InputError
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.files.nodes import placed
from simcost.scenario.inputs.whole_variations import whole_variations, with_plan
from simcost.scenario.runs.commitment_choice import CommitmentChoice, held_by, with_commitments

CATALOG = load_catalog()
AWS = SavingsPlan(name="aws", commitment=2.0, discount=0.3, renewed=True)
GCP = ResourceCud(name="gcp", sku="g2-standard-4", region="us-east1", count=3, discount=0.3, renewed=True)


def test_each_cloud_has_the_commitments_that_cover_its_nodes(tmp_path: Path) -> None:
    """They were all bought on the account of the first service, where those of another cloud are lost."""
    elsewhere = ("aws/g6.2xlarge}", "gcp/g2-standard-4, region: us-east1}")
    loaded = load_with_services(write(tmp_path, elsewhere, text=SERVICES))
    plan = whole_variations(loaded, []).plans[0]
    chat, search = OnDemand(offer="aws/g6.xlarge"), OnDemand(offer="gcp/g2-standard-4", region="us-east1")
    nodes = [there(chat, 24.0), there(search, 24.0, 24.0)]
    choice = CommitmentChoice((AWS, GCP), CATALOG)
    held = choice.best(plan.loaded, [nodes])
    assert [(buy.offer, [one.name for one in commitments]) for buy, commitments in held] == [
        ("aws/g6.xlarge", ["aws"]),
        ("gcp/g2-standard-4", ["gcp"]),
    ]
    usd = CATALOG.offer("aws/g6.xlarge").on_demand_usd_per_h
    [(_, [savings]), (_, [reserved])] = held
    assert (savings.commitment, reserved.count) == (pytest.approx(0.7 * usd), 2)
    plain: Any = plan.node.plain()
    services = with_commitments(plain, held)["services"]
    assert [len(services[name]["buy"]["commitments"]) for name in ("chat", "search")] == [1, 1]
    assert choice.least_share(plan.loaded) == pytest.approx(0.7)


def test_amounts_that_are_looked_at_are_bounded_however_many_kinds_of_nodes_there_are(tmp_path: Path) -> None:
    """Sums of what so many nodes of each of eight kinds draw are billions."""
    kinds = [(name, kind) for kind in ("g6", "g6e") for name in ("xlarge", "2xlarge", "4xlarge", "8xlarge")]
    offers = [f"aws/{kind}.{name}" for name, kind in kinds]
    request = {"kind": "synthetic", "rate": "1/s", "lengths": {"prompt_median": 100, "output_median": 20}}
    parts = {
        f"s{i}": {
            "replica": {"accelerator": "l40s" if "g6e" in offer else "l4"},
            "buy": {"offer": offer},
            "scaling": {"kind": "fixed", "replicas": 1},
        }
        for i, offer in enumerate(offers)
    }
    services = [{"name": name, "model": "llama-3.2-1b", "workload": request, "slo": {"ttft": "1s"}} for name in parts]
    scenario = {
        "scenario": "many",
        "horizon": "5min",
        "services": services,
        "plans": [{"name": "p", "services": parts}],
    }
    plan = whole_variations(load_with_services(write(tmp_path, text=yaml.safe_dump(scenario))), []).plans[0]
    nodes = [there(OnDemand(offer=offer), *([24.0] * 12)) for offer in offers]
    choice = CommitmentChoice((SavingsPlan(name="s", commitment=500.0, discount=0.3, renewed=True),), CATALOG)
    [(_, [held])] = choice.best(plan.loaded, [nodes])
    usd = sum(CATALOG.offer(offer).on_demand_usd_per_h for offer in offers)
    assert held.commitment == pytest.approx(0.7 * 12 * usd, rel=2e-3)


ON_SPOT = "{kind: spot, offer: aws/g6.xlarge, price: $0.3/h}"
POOLS = """
      pools:
        - {name: a, buy: {offer: aws/g6.xlarge}}
        - {name: b, replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}"""
PREFILL = (
    "disaggregation: {link: {bandwidth: 25GB/s}, buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}"
)


@pytest.mark.parametrize(
    ("chat", "unused"),
    [(POOLS, ""), (f"{{buy: {ON_SPOT}, {PREFILL}}}", "    buy: {offer: aws/g6.xlarge}\n")],
    ids=["pool of a service", "prefill on demand"],
)
def test_commitments_are_written_where_nodes_are_bought(tmp_path: Path, chat: str, unused: str) -> None:
    """They were lost without a word, or put where no part takes them, which ended the search with a fault."""
    own = ("    chat: {buy: {offer: aws/g6.xlarge}}", f"    chat: {chat}")
    other = ("search: {buy: {offer: aws/g6.2xlarge}}", f"search: {{buy: {ON_SPOT}}}")
    of_plan = ("  - name: one\n", f"  - name: one\n{unused}")
    plan = whole_variations(load_with_services(write(tmp_path, own, other, of_plan, text=SERVICES)), []).plans[0]
    nodes = [there(OnDemand(offer="aws/g6.xlarge"), 24.0)]
    held = CommitmentChoice((AWS,), CATALOG).best(plan.loaded, [nodes])
    plain: Any = plan.node.plain()
    made = with_plan(plan.loaded, placed(with_commitments(plain, held), plan.node, ()))
    assert [one["name"] for one in held_by(made)] == ["aws"]


def test_commitments_are_held_by_a_purchase_that_has_nodes(tmp_path: Path) -> None:
    """That of a plan whose services and jobs have their own was taken, so that none was bought."""
    elsewhere = "{offer: gcp/g2-standard-4, region: us-east1}"
    lines = """\
    buy: {offer: aws/g6.4xlarge}
    training: {kind: gpus, gpus: 1}
    training_buy: {offer: aws/g6.2xlarge}
"""
    (tmp_path / "jobs.csv").write_text("submit_time,duration_s,num_gpus\n2017-10-01 00:00:00,60,1\n")
    changes = [
        ("chat: {buy: {offer: aws/g6.xlarge}}", f"chat: {{buy: {elsewhere}}}"),
        ("search: {buy: {offer: aws/g6.2xlarge}}", f"search: {{buy: {elsewhere}}}"),
        ("defaults:\n", "jobs: {path: jobs.csv, window: 10min}\nslo: {wait: {p95: 2h}}\ndefaults:\n"),
    ]
    changes += [(f"  - name: {name}\n", f"  - name: {name}\n{lines}") for name in ("one", "two")]
    plan = whole_variations(load_with_services(write(tmp_path, *changes, text=SERVICES)), []).plans[0]
    reserved = ReservedInstances(name="r", sku="g6.2xlarge", region="us-east-1", count=3, discount=0.4, renewed=True)
    nodes = [there(OnDemand(offer="aws/g6.2xlarge"), 24.0, 24.0)]
    [(buy, [held])] = CommitmentChoice((reserved,), CATALOG).best(plan.loaded, [nodes])
    assert (buy.offer, held.count) == ("aws/g6.2xlarge", 2)


def test_plans_that_are_bought_as_they_say_do_not_make_an_option_useless(tmp_path: Path) -> None:
    """An option was said to cover nodes of no plan where all plans have commitments of their own."""
    choice = CommitmentChoice((AWS,), CATALOG)
    held = "{offer: aws/g6.xlarge, commitments: [{kind: savings-plan, commitment: $1/h, discount: 30%}]}"
    committed = load_with_services(write(tmp_path, ("{offer: aws/g6.xlarge}", held), text=SERVICES))
    assert choice.of_no_plan([committed]) == []
    elsewhere = ("aws/g6.2xlarge}", "gcp/g2-standard-4, region: us-east1}"), ("aws/g6.xlarge", "gcp/g2-standard-8")
    other = load_with_services(
        write(tmp_path, *elsewhere, ("g2-standard-8}", "g2-standard-8, region: us-east1}"), text=SERVICES)
    )
    assert choice.of_no_plan([other]) == ["aws"]


def test_commitments_of_an_offer_that_the_plan_does_not_name_are_refused() -> None:
    """They were left out without a word, so that the plan cost what it costs on demand."""
    with pytest.raises(InputError, match="nothing in the plan names this offer"):
        with_commitments({"buy": {"offer": "aws/g6.2xlarge"}}, [(OnDemand(offer="aws/g6.xlarge"), (AWS,))])
