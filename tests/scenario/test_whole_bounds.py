"""Whole plans before a race: one is no stronger than another only with no more replicas of anything."""

from pathlib import Path

import pytest
from support.scenarios import write

from simcost.compare.racing import is_no_stronger
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
