"""What is simulated in one pool alone: refused beside several pools, at its place."""

from pathlib import Path

import pytest

from simcost.scenario.checks.load import find_faults

SCENARIO = """\
scenario: pools
model: llama-3.2-1b
horizon: 10min
workload: {{kind: synthetic, rate: 1/s{workload}}}
slo: {{ttft: 1s}}
plans:
  - name: both
    replica: {{accelerator: l4{replica}}}
    buy: {{offer: aws/g6.xlarge}}
    scaling: {{kind: fixed, replicas: 1}}
    pools: [{{name: a}}, {{name: b{pool}}}]{plan}
"""
NONE = {"workload": "", "replica": "", "pool": "", "plan": ""}
ON_CPUS = (
    ", replica: {accelerator: cpu, vcpus: 4, memory: 6GiB, step: {a: 5ms, b: 50us, c: 10us, d: 0, q: 0}},"
    " buy: {offer: aws/c7i.xlarge}"
)
REFUSED = {
    "adapters": (
        {
            "workload": ", adapters: {count: 9, skew: 1}",
            "replica": ", lora: {slots: 2, load: {disk: 1GB/s, link: 1GB/s}}",
        },
        "plans.0.pools",
        "cannot be combined with adapters that requests ask for",
    ),
    "disaggregation": (
        {"plan": "\n    disaggregation: {link: {bandwidth: 25GB/s}, scaling: {kind: fixed, replicas: 1}}"},
        "plans.0.pools",
        "disaggregation; remove pools",
    ),
    "CPUs": ({"pool": ON_CPUS}, "plans.0.pools.1.replica", "cannot be combined with pools"),
    "slice": ({"replica": ", slice: 1/2"}, "plans.0.replica.slice", "cannot be combined with pools"),
}


@pytest.mark.parametrize(("changes", "place", "what"), REFUSED.values(), ids=REFUSED)
def test_what_one_pool_alone_simulates_is_refused(
    tmp_path: Path, changes: dict[str, str], place: str, what: str
) -> None:
    """They were simulated as if there were one pool, or as if the key were not there."""
    path = tmp_path / "pools.yaml"
    path.write_text(SCENARIO.format(**{**NONE, **changes}))
    found = {fault.path: fault.message for fault in find_faults(path)}
    assert what in found[place]


def test_plain_pools_have_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "pools.yaml"
    path.write_text(SCENARIO.format(**NONE))
    assert find_faults(path) == []
