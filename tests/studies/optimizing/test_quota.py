"""`simcost optimize --quota`: no plan that may take more accelerators than there are, alone or with its services."""

from pathlib import Path

import pytest
from support.commands import TINY, call, refused, scenario
from support.scenarios import SERVICES, write

import simcost as sc
from simcost.errors import SimcostError

pytestmark = pytest.mark.slow

SPACE = TINY.replace("rate: 1/s", "rate: 6/s").partition("  - name: scaled")[0] + (
    "vary:\n  - - {replica: {accelerator: l4}}\n    - {replica: {accelerator: h100}, buy: {offer: aws/p5.4xlarge}}\n"
    "  - {path: scaling.replicas, from: 1, to: 4}\n"
)


def test_plans_over_the_quota_are_left_out_whatever_the_accelerator_is_called(tmp_path: Path) -> None:
    space = sc.load(SPACE)
    free, bound = (space.optimize(tmp_path, quota=quota).document for quota in ({}, {"L4": 1, "h100-sxm": 2}))
    over = {row["reason"]: row["count"] for row in bound["excluded"] if "quota" in row["reason"]}
    assert over == {"may take more than the quota of 1 x l4": 3, "may take more than the quota of 2 x h100-sxm": 2}
    assert not [row for row in free["excluded"] if "quota" in row["reason"]]
    assert bound["best"]["plan"]["scaling"]["replicas"] <= 2
    none = space.optimize(tmp_path, quota={"l4": 0, "h100": 0}).document
    assert none["best"] is None
    assert none["simulated"] == 0


def test_services_that_share_nodes_count_together(tmp_path: Path) -> None:
    own = "  services:\n    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}\n"
    shared = SERVICES.replace(own, "  buy: {offer: aws/g6.12xlarge}\n").partition("  - name: two")[0]
    text = shared + "vary:\n  - {path: services.chat.scaling.replicas, from: 1, to: 3}\n"
    document = sc.load(text).optimize(tmp_path, quota={"l4": 3}).document
    assert [row for row in document["excluded"] if "quota of 3 x l4" in row["reason"]] == [
        {"count": 1, "reason": "may take more than the quota of 3 x l4"}
    ]
    none = sc.load(text).optimize(tmp_path, quota={"l4": 1}).document
    assert none["best"] is None


def test_quotas_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    file = scenario(tmp_path, text=SPACE)
    assert "is not ACCELERATOR=N" in refused("optimize", file, "--quota", "l4")
    assert "l44" in refused("optimize", file, "--quota", "l44=2")
    assert "not searched together" in refused("optimize", file, "--quota", "l4=2", "--mixes")
    assert "are searched apart" in refused("optimize", write(tmp_path, text=SERVICES), "--quota", "l4=2")
    with pytest.raises(SimcostError, match="l44"):
        sc.load(SPACE).optimize(tmp_path, quota={"l44": 2})


def test_it_is_shown(tmp_path: Path) -> None:
    said = call("optimize", scenario(tmp_path, text=SPACE), "--quota", "l4=1", "--out", tmp_path / "out", "--quiet")
    assert "may take more than the quota of 1 x l4" in said.out
