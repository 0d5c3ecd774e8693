"""Confidence of a search: none from one replication or too few requests; the limit that excludes all is named."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import TINY, call, refused, scenario

from simcost.present.format import share
from simcost.studies.optimizing.view import plans

pytestmark = pytest.mark.slow

SPACE = TINY.partition("  - name: scaled")[0] + "vary:\n  - {path: scaling.replicas, from: 1, to: 2}\n"


def optimized(file: Path, *more: object) -> dict[str, Any]:
    said = call("optimize", file, "--json", "--quiet", "--jobs", 1, *more)
    assert said.code == 0, said.err
    return said.document()


def test_one_replication_gives_no_confidence(tmp_path: Path) -> None:
    found = optimized(scenario(tmp_path, text=SPACE), "--seeds", 1)
    assert found["confidence"] is None
    assert set(found["best"]["lower_bounds"].values()) == {None}
    assert "single replication" in found["verdict"]
    more = optimized(scenario(tmp_path, text=SPACE), "--seeds", 3)
    assert more["confidence"] > 0
    assert more["best"]["lower_bounds"]["attainment"] < 1, "even where all requests were good"


def test_too_few_requests_are_said_to_be_too_few(tmp_path: Path) -> None:
    text = SPACE.replace("attainment: 95%", "attainment: 99.99%")
    said = refused("optimize", scenario(tmp_path, text=text), "--quiet")
    assert "do not show an attainment of 99.99 % with 95 % confidence, even if all are good; take " in said


def test_too_few_requests_of_a_tenant_end_the_search(tmp_path: Path) -> None:
    """Whole spaces were simulated, of which no plan can show that the target of a rare tenant is met."""
    lengths = "lengths: {prompt_median: 100, output_median: 20}"
    clients = f"clients: [{{tenant: a, share: 49, {lengths}}}, {{tenant: b, {lengths}}}]"
    file = scenario(tmp_path, text=SPACE.replace(lengths, clients))
    for verb in ("optimize", "advise"):
        said = refused(verb, file, "--quiet", "--jobs", 1)
        assert said.startswith("simcost: b: attainment: ")
        assert "do not show 95 % with 95 % confidence, even if all are good; take 89 or more" in said


def test_the_limit_that_no_plan_keeps_is_named_with_the_least_time(tmp_path: Path) -> None:
    text = SPACE.replace("ttft: 1s", "ttft: 1ms")
    assert text != SPACE
    found = optimized(scenario(tmp_path, text=text))
    assert found["excluded"] == [
        {"count": 2, "reason": "too many requests miss the limit of ttft even alone on a replica"}
    ]
    alone = found["nearest"]["alone"]
    assert alone["limit"] == "ttft_s"
    relaxed = text.replace("ttft: 1ms", f"ttft: {1.01 * alone['least_s']}s")
    assert optimized(scenario(tmp_path, text=relaxed))["simulated"] > 0, "then some plan may keep it"


def test_tenants_are_searched_by_their_own_targets(tmp_path: Path) -> None:
    """The limits of the scenario, which no plan keeps, are of no tenant: all have their own."""
    own = "tenants: [{name: a, slo: {e2e: 10min, attainment: 50%}}]"
    text = SPACE.replace("ttft: 1s", "ttft: 1ms").replace("rate: 1/s,", "rate: 1/s, tenant: a,") + own + "\n"
    assert optimized(scenario(tmp_path, text=text))["best"]["name"].endswith("replicas 1")


def test_the_few_requests_of_a_tenant_show_no_more_than_they_can(tmp_path: Path) -> None:
    """One in fifty requests is of tenant b: all were good, which does not show that all others will be."""
    lengths = "lengths: {prompt_median: 100, output_median: 20}"
    clients = f"clients: [{{tenant: a, share: 49, {lengths}}}, {{tenant: b, {lengths}}}]"
    text = SPACE.replace("attainment: 95%", "attainment: 50%").replace(lengths, clients)
    found = optimized(scenario(tmp_path, text=text))
    bounds = found["best"]["lower_bounds"]
    counts = {one["name"]: one for one in found["best"]["by_tenant"]}
    assert counts["b"]["attainment"] == 1.0
    assert bounds["b: attainment"] < bounds["a: attainment"] < 1
    assert f"attainment of each tenant at least {100 * bounds['b: attainment']:.1f} %" in found["verdict"]
    [row] = plans(found)[:1]
    assert (row["attainment"], row["at least"]) == (share(1.0), share(bounds["b: attainment"]))
