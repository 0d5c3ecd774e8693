"""Whole plans before a race: one is no stronger than another only with no more replicas of anything."""

from pathlib import Path

import pytest
from support.scenarios import write

from simcost.compare.entrants import Entrant, is_no_stronger, no_larger_services
from simcost.execution.workers import Workers
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.whole_bounds import entrant_of
from simcost.scenario.runs.whole_plans import WholePlans

REQUESTS = "workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}, slo: {ttft: 1s}"
THREE = f"""\
scenario: three
horizon: 5min
services:
  - {{name: chat, model: llama-3.2-1b, {REQUESTS}}}
  - {{name: a, model: llama-3.2-1b, {REQUESTS}}}
  - {{name: b, model: llama-3.2-1b, {REQUESTS}}}
defaults: {{replica: {{accelerator: l4}}, scaling: {{kind: fixed, replicas: 1}}}}
plans:
  - name: own
    buy: {{offer: aws/g6.12xlarge}}
    services:
      chat: {{buy: {{offer: aws/g6.xlarge}}}}
      a: {{}}
      b: {{}}
vary: [{{path: PATH, values: [1, 2]}}]
"""
BUY = "chat: {buy: {offer: aws/g6.xlarge}"
APART = f"{BUY}, disaggregation: {{scaling: {{kind: fixed, replicas: 1}}, link: {{bandwidth: 10GB/s}}}}"


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Workers:
    return workers_of(tmp_path_factory.mktemp("runs"), jobs=1)


@pytest.mark.parametrize(
    ("chat", "path"),
    [
        (BUY, "services.chat.scaling.replicas"),
        (APART, "services.chat.scaling.replicas"),
        (APART, "services.chat.disaggregation.scaling.replicas"),
    ],
    ids=["replicas", "those that decode", "those that prefill"],
)
def test_fewer_replicas_are_no_stronger_and_more_are(tmp_path: Path, chat: str, path: str, workers: Workers) -> None:
    """Two replicas that prefill were no more than one, so that both were left out when one missed."""
    loaded = load_with_services(write(tmp_path, (BUY, chat), ("PATH", path), text=THREE))
    made = WholePlans(loaded, seed=None, seeds=1, runs=tmp_path, workers=workers, note=lambda _: None)
    space = whole_variations(loaded)
    for plan in space.plans:
        made.add(plan.name, plan.loaded)
    one, two = (entrant_of(plan, made.question(plan.name)) for plan in space.plans)
    assert (is_no_stronger(one, two), is_no_stronger(two, one)) == (True, False)


def entrants(folder: Path, workers: Workers, *changes: tuple[str, str]) -> list[Entrant]:
    loaded = load_with_services(write(folder, *changes, text=THREE))
    made = WholePlans(loaded, seed=None, seeds=1, runs=folder, workers=workers, note=lambda _: None)
    space = whole_variations(loaded)
    for plan in space.plans:
        made.add(plan.name, plan.loaded)
    return [entrant_of(plan, made.question(plan.name)) for plan in space.plans]


def test_services_that_serve_alike_are_compared_whatever_the_others_and_the_nodes_are(
    tmp_path: Path, workers: Workers
) -> None:
    path = "services.a.scaling.replicas"
    one, two = entrants(tmp_path, workers, ("PATH", path))
    assert set(no_larger_services(one, two)) == {"chat", "a", "b"}
    assert set(no_larger_services(two, one)) == {"chat", "b"}, "it has more replicas of a"
    [elsewhere, _] = entrants(tmp_path, workers, ("PATH", path), ("aws/g6.12xlarge", "aws/g6.2xlarge"))
    assert set(no_larger_services(elsewhere, two)) == {"chat", "a", "b"}
    model = ("name: chat, model: llama-3.2-1b", "name: chat, model: llama-3.2-3b")
    [other, _] = entrants(tmp_path, workers, ("PATH", path), model)
    assert set(no_larger_services(other, two)) == {"a", "b"}


def test_a_service_to_which_another_sends_is_compared_where_that_one_is_the_same(
    tmp_path: Path, workers: Workers
) -> None:
    cascade = (BUY, f"{BUY}, cascade: {{to: a, escalate: 10%}}")
    one, two = entrants(tmp_path, workers, ("PATH", "services.a.scaling.replicas"), cascade)
    assert set(one.services) == {"a", "b"}, "answers of chat come from a too"
    assert set(no_larger_services(one, two)) == {"a", "b"}
    assert set(no_larger_services(two, one)) == {"b"}
    assert one.sizes == (), "more of all may serve worse"
    one, two = entrants(tmp_path, workers, ("PATH", "services.chat.scaling.replicas"), cascade)
    assert no_larger_services(one, two) == [], "another fleet of chat sends at other times"


@pytest.mark.parametrize("own", ["interruptions: {nodes: {per_node_day: 0.1}}", "nodes: {kind: at-once, max: 9}"])
def test_services_that_may_keep_room_from_each_other_tell_nothing_alone(
    tmp_path: Path, own: str, workers: Workers
) -> None:
    nodes = ("g6.12xlarge}", f"g6.12xlarge}}\n    {own}")
    for entrant in entrants(tmp_path, workers, ("PATH", "services.a.scaling.replicas"), nodes):
        assert not entrant.services


@pytest.mark.slow
def test_a_service_serves_the_same_whatever_the_fleets_beside_it_are(tmp_path: Path, workers: Workers) -> None:
    """What a search relies on where it leaves out all plans with no more of a service that missed."""
    loaded = load_with_services(write(tmp_path, ("PATH", "services.a.scaling.replicas"), text=THREE))
    made = WholePlans(loaded, seed=None, seeds=1, runs=tmp_path, workers=workers, note=lambda _: None)
    space = whole_variations(loaded)
    found = []
    for plan in space.plans:
        made.add(plan.name, plan.loaded)
        [score] = made.all_of(plan.name)
        found.append([score.of_service(name).checks for name in ("chat", "b")])
    assert found[0] == found[1]
