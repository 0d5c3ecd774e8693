"""`simcost optimize` over offers of the catalog: the same as by hand, and its front as enumeration has it."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import call, refused, scenario

import simcost as sc
from simcost.errors import InputError

pytestmark = pytest.mark.slow

TEXT = """\
scenario: regions
model: llama-3.2-1b
horizon: 10min
seeds: 3
workload: {kind: synthetic, rate: 6/s, lengths: {prompt_median: 300, output_median: 150}}
slo: {ttft: 1s, tpot: 40ms, attainment: 95%}
plans:
  - name: chat
    replica: {accelerator: l4}
    buy: {offer: gcp/g2-standard-4, region: us-central1}
    scaling: {kind: fixed, replicas: 1}
vary:
"""
OFFERS = '  - {offers: "gcp/g2-standard-4", regions: ["us-west*", us-central1, "europe-*"]}\n'
BY_HAND = (
    "  - - {replica: {accelerator: l4}, buy: {offer: gcp/g2-standard-4, region: europe-west1}}\n"
    "    - {replica: {accelerator: l4}, buy: {offer: gcp/g2-standard-4, region: europe-west4}}\n"
    "    - {replica: {accelerator: l4}, buy: {offer: gcp/g2-standard-4, region: us-central1}}\n"
    "    - {replica: {accelerator: l4}, buy: {offer: gcp/g2-standard-4, region: us-west1}}\n"
    "    - {replica: {accelerator: l4}, buy: {offer: gcp/g2-standard-4, region: us-west4}}\n"
)
SIZES = "  - {path: scaling.replicas, from: 1, to: 3}\n"


def optimized(folder: Path, vary: str, *more: object) -> dict[str, Any]:
    said = call("optimize", scenario(folder, text=TEXT + vary), "--json", "--quiet", "--out", folder / "out", *more)
    assert said.code == 0, said.err
    return said.document()


def without_origin(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "provenance"}


def points(document: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    """Cost, attainment, latency, carbon and risk of plans on the front, better when lower."""
    return {
        one["name"]: (
            one["usd_per_month"],
            -one["attainment"],
            one["ttft_p95_s"],
            one["tpot_p95_s"],
            one["kg_co2e_per_month"],
            one["risk"],
        )
        for one in document["frontier"]
    }


def test_offers_by_pattern_are_the_list_by_hand(tmp_path: Path) -> None:
    found, by_hand = (optimized(tmp_path, vary + SIZES) for vary in (OFFERS, BY_HAND))
    assert without_origin(found) == without_origin(by_hand)
    assert found["candidates"] == 15


def test_other_regions_are_on_the_front_without_a_simulation(tmp_path: Path) -> None:
    found = optimized(tmp_path, OFFERS + SIZES)
    assert found["objectives"] == ["cost", "attainment", "latency", "carbon", "risk"]
    assert [one["objective"] for one in found["objectives_unknown"]] == ["quality"]
    carbon = {one["name"]: one["kg_co2e_per_month"] for one in found["frontier"] if not one["near"]}
    assert any("us-west1" in name for name in carbon), "as cheap as us-central1, with a cleaner grid"
    two = '  - {offers: "gcp/g2-standard-4", regions: [us-central1, europe-west1]}\n'
    found = optimized(tmp_path, two + SIZES)
    cheap, clean = found["frontier"]
    assert [one["name"].partition(",")[2] for one in (cheap, clean)] == [
        " l4 gcp/g2-standard-4 us-central1, replicas 1",
        " l4 gcp/g2-standard-4 europe-west1, replicas 1",
    ]
    assert cheap["kg_co2e_per_month"] > clean["kg_co2e_per_month"]
    assert found["excluded"][0]["count"] >= 1, "the race left it out"


def test_the_front_is_the_enumerated_one_where_all_plans_are_simulated(tmp_path: Path) -> None:
    fewer, found = (optimized(tmp_path, OFFERS + SIZES, "--front", number, "--jobs", 1) for number in (0, 99))
    assert fewer["simulated"] <= found["simulated"]
    assert found["best"] == fewer["best"], "the answer is that of the race"
    every: dict[str, tuple[float, ...]] = {}
    for region in ("europe-west1", "europe-west4", "us-central1", "us-west1", "us-west4"):
        for size in (1, 2, 3):
            alone = f"  - - {{buy: {{region: {region}}}}}\n  - {{path: scaling.replicas, values: [{size}]}}\n"
            one = optimized(tmp_path, alone, "--front", 1)
            every |= {f"chat, l4 gcp/g2-standard-4 {region}, replicas {size}": p for p in points(one).values()}
    shown = points(found)
    expected = {
        name
        for name, mine in every.items()
        if not any(all(a <= b for a, b in zip(o, mine, strict=True)) and o != mine for o in every.values())
    }
    on = {one["name"] for one in found["frontier"] if not one["near"]}
    assert on == {f"chat, l4 gcp/g2-standard-4 us-west1, replicas {size}" for size in (1, 2, 3)}
    assert on == expected & set(shown), "but for plans that left the race unfinished"
    assert all(shown[name] == every[name] for name in shown if name in every)


def test_plans_that_the_race_left_unfinished_are_simulated_for_the_front(tmp_path: Path) -> None:
    text = TEXT.replace("rate: 6/s", "rate: 14/s, burst_cv: 0.3").replace("95%", "80%")
    base, _, plan = text.replace("ttft: 1s, tpot: 40ms", "ttft: 150ms, tpot: 25ms").partition("plans:\n")
    routers = ("least-outstanding", "round-robin")
    file = scenario(
        tmp_path, text=f"{base}plans:\n{plan}  - {{path: router.kind, values: [{', '.join(routers)}]}}\n{SIZES}"
    )
    out = ("--json", "--quiet", "--out", tmp_path / "out", "--jobs", 1)
    found = call("optimize", file, *out, "--objective", "attainment", "--front", 9).document()
    same = plan.partition("  - name: chat\n")[2].partition("    scaling:")[0]
    plans = "".join(
        f"  - name: {router} {size}\n{same}    router: {{kind: {router}}}\n"
        f"    scaling: {{kind: fixed, replicas: {size}}}\n"
        for router in routers
        for size in (2, 3)
    )
    every = call("run", scenario(tmp_path, text=f"{base}plans:\n{plans}"), *out).document()["plans"]
    points = sorted((one["cost_usd"]["per_month"], one["slo"]["attainment"]) for one in every if one["slo"]["met"])
    front = [(usd, good) for i, (usd, good) in enumerate(points) if all(good > other for _, other in points[:i])]
    assert len(front) > 1, "two and three replicas"
    assert [(one["usd_per_month"], one["attainment"]) for one in found["frontier"] if not one["near"]] == front


def test_objectives_can_be_chosen(tmp_path: Path) -> None:
    found = optimized(tmp_path, OFFERS + SIZES, "--objective", "carbon", "--objective", "cost")
    assert found["objectives"] == ["cost", "carbon"]
    assert found["knee"] is None
    asked = sc.load(TEXT + OFFERS + SIZES)
    assert asked.optimize(tmp_path / "out", objectives=["carbon"]).document["frontier"] == found["frontier"]
    with pytest.raises(InputError, match="'carbn' is not an objective; did you mean 'carbon'"):
        asked.optimize(tmp_path / "out", objectives=["carbn"])
    assert "no --objective 'price'; there are: cost," in refused(
        "optimize", tmp_path / "tiny.yaml", "--objective", "price"
    )
    assert "--front" in refused("optimize", tmp_path / "tiny.yaml", "--front=-1")


def test_whole_plans_have_such_a_front_too(tmp_path: Path) -> None:
    text = TEXT.replace("kind: synthetic", "kind: closed").replace("rate: 6/s", "clients: 8")
    file = scenario(tmp_path, text=text + '  - {offers: "gcp/g2-standard-4", regions: "us-w*"}\n')
    found = call("optimize", file, "--json", "--quiet", "--out", tmp_path / "out", "--front", 4).document()
    assert found["whole"]
    assert "carbon" in found["objectives"]
    assert all(one["kg_co2e_per_month"] > 0 for one in found["frontier"])
    assert "Objectives: cost" in call("optimize", file, "--quiet", "--out", tmp_path / "out", "--front", 4).out
