"""`simcost optimize --quota --available`: no plan that may take more than there is, alone or with its services."""

from pathlib import Path

import pytest
from support.commands import TINY, call, refused, scenario
from support.job_scenarios import home
from support.scenarios import SERVICES

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


def test_what_is_assumed_is_of_the_plan_that_is_nearest(tmp_path: Path) -> None:
    """The notes told the step time of the base plan, whose hardware the quota leaves out."""
    space = sc.load(SPACE.replace("ttft: 1s", "percentiles: {e2e: {p50: 10ms}}, ttft: 1s"))
    document = space.optimize(tmp_path, quota={"l4": 0, "h100": 1}).document
    assert document["best"] is None
    assert "h100" in document["nearest"]["name"]
    assert [line for line in document["assumptions"] if "l4 " in line] == []


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


def test_instances_that_can_be_had_are_of_an_offer_and_a_region(tmp_path: Path) -> None:
    space = sc.load(SPACE)
    for name in ("aws/g6.xlarge", "AWS/g6.xlarge@us-east-1"):
        document = space.optimize(tmp_path, available={name: 1}).document
        over = [row for row in document["excluded"] if "available" in row["reason"]]
        shown = name.replace("AWS", "aws")
        assert over == [{"count": 3, "reason": f"may take more than the 1 x {shown} that are available"}]
    free = space.optimize(tmp_path, available={"aws/g6.12xlarge": 0}).document
    assert not [row for row in free["excluded"] if "available" in row["reason"]]


def test_jobs_count(tmp_path: Path) -> None:
    file = home(tmp_path)
    file.write_text(file.read_text() + "vary:\n  - {path: training.gpus, values: [8, 16, 24, 32]}\n")
    documents = [
        call("optimize", file, *words, "--json", "--quiet", "--out", tmp_path / "out").document()
        for words in ((), ("--quota", "a100-40gb=16"), ("--available", "aws/p4d.24xlarge=2"))
    ]
    gpus = [document["best"] and document["best"]["plan"]["training"]["gpus"] for document in documents]
    over = [sum(row["count"] for row in document["excluded"] if "may take" in row["reason"]) for document in documents]
    assert over == [0, 4, 4], "two plans with 24 and 32 GPUs each"
    assert gpus[0] in (8, 16, 24, 32)
    assert gpus[1] == gpus[2] == (gpus[0] if gpus[0] <= 16 else None)


def test_limits_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    file = scenario(tmp_path, text=SPACE)
    assert "is not ACCELERATOR=N" in refused("optimize", file, "--quota", "l4")
    assert "l44" in refused("optimize", file, "--quota", "l44=2")
    assert "is not OFFER=N, e.g. aws/" in refused("optimize", file, "--available", "aws/g6.xlarge=many")
    assert "did you mean 'aws/g6.xlarge' or 'aws/g6e.xlarge'" in refused(
        "optimize", file, "--available", "aws/g6.xlarg=2"
    )
    assert "in region 'us-east-9'" in refused("optimize", file, "--available", "aws/g6.xlarge@us-east-9=2")
    assert "quota: names l4 more than once" in refused("optimize", file, "--quota", "l4=1", "--quota", "l4=3")
    assert "l4 is limited more than once" in refused("optimize", file, "--quota", "l4=1", "--quota", "L4=3")
    with pytest.raises(SimcostError, match="l44"):
        sc.load(SPACE).optimize(tmp_path, quota={"l44": 2})
    with pytest.raises(SimcostError, match="quota: -1 of 'l4' is not a whole number from 0 up"):
        sc.load(SPACE).optimize(tmp_path, quota={"l4": -1})


def test_it_is_shown(tmp_path: Path) -> None:
    said = call("optimize", scenario(tmp_path, text=SPACE), "--quota", "l4=1", "--out", tmp_path / "out", "--quiet")
    assert "may take more than the quota of 1 x l4" in said.out
