"""Energy and carbon: the worked example, linearity, and what is not known."""

import doctest
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ledgers import HOUR, ledger

from simcost.billing.energy import IDLE_SHARE, Draw, Site, accelerator_draw, energy, host_draw
from simcost.billing.metering import usages_of
from simcost.catalog import load_catalog
from simcost.catalog.energy_facts import PowerDraw
from simcost.errors import CatalogError
from simcost.ledger.jobs import JobLedger, JobOutcomes
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage

CATALOG = load_catalog()
P4D = CATALOG.offer("aws/p4d.24xlarge", "us-east-1")


def usage(hours: float, slots: int = 1, **slot_hours: float) -> LedgerUsage:
    nodes = pa.table([["p"], [0], [0], [0.0], [hours * HOUR]], schema=NODES)
    return LedgerUsage(
        horizon_s=hours * HOUR,
        slots_per_node=slots,
        nodes=nodes,
        slot_seconds={state: h * HOUR for state, h in slot_hours.items()},
    )


def test_energy_of_the_vectors(shared: Path) -> None:
    cases = json.loads((shared / "vectors/billing.json").read_text())["cases"]
    found = [case for case in cases if case["kind"] == "energy_carbon"]
    assert found
    for case in found:
        asked, expected = case["input"], case["expected"]
        draw = Draw(asked["idle_w"], asked["max_w"])
        assert draw.watts(asked["utilization"]) == pytest.approx(expected["power_w"], rel=case["tolerance"])
        one = replace(P4D, accelerators=1)
        used = usage(
            asked["hours"],
            computing=asked["utilization"] * asked["hours"],
            idle=(1 - asked["utilization"]) * asked["hours"],
        )
        report = energy(used, one, CATALOG, Site(pue=asked["pue"], g_per_kwh=asked["g_per_kwh"]))
        assert report.accelerators_kwh * asked["pue"] == pytest.approx(expected["energy_kwh"], rel=case["tolerance"])
        share = report.accelerators_kwh / (report.accelerators_kwh + report.hosts_kwh)
        assert report.gco2e * share == pytest.approx(expected["carbon_g"], rel=case["tolerance"])
        at_catalog = energy(used, one, CATALOG)
        assert (at_catalog.pue, at_catalog.g_per_kwh) == (asked["pue"], asked["g_per_kwh"])


def test_a_node_in_parts() -> None:
    report = energy(usage(10, computing=5, idle=5), P4D, CATALOG)
    assert report.accelerators_kwh == pytest.approx(10 * 8 * 226.5 / 1e3)
    host_w = 96 * (0.74 + 0.5 * (3.5 - 0.74)) + P4D.memory_bytes / 1e9 * 0.392
    assert report.hosts_kwh == pytest.approx(10 * host_w / 1e3)
    assert report.kwh == pytest.approx((report.accelerators_kwh + report.hosts_kwh) * 1.135)
    assert report.gco2e == pytest.approx(report.kwh * 379)
    assert report.embodied_gco2e is None
    assert report.unknown == ()
    assert report.utilisation == 0.5
    text = " ".join(report.assumptions)
    assert all(words in text for words in ("46 W idle", "PUE 1.135 of aws", "379 gCO2e/kWh in aws/us-east-1"))


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.1, 1))
def test_energy_is_linear_in_time_and_grows_with_work(computing: float, idle: float, level: float) -> None:
    hours = computing + idle + 1.0
    used = usage(hours, computing=computing, idle=idle + 1.0)
    site = Site(working_power=level)
    kwh = energy(used, P4D, CATALOG, site).accelerators_kwh
    expected = 8 * (hours * 46 + computing * level * (407 - 46)) / 1e3
    assert kwh == pytest.approx(expected)
    twice = usage(2 * hours, computing=2 * computing, idle=2 * (idle + 1.0))
    assert energy(twice, P4D, CATALOG, site).accelerators_kwh == pytest.approx(2 * kwh)
    busier = usage(hours, computing=computing + 1.0, idle=idle)
    assert energy(busier, P4D, CATALOG, site).kwh >= energy(used, P4D, CATALOG, site).kwh


def test_a_serving_run_tells_its_utilisation() -> None:
    run = ledger(
        [(0.0, 10 * HOUR)],
        [(0, "starting", 0, HOUR, 0), (0, "ready", HOUR, 10 * HOUR, 4.5 * HOUR)],
        horizon_s=10 * HOUR,
    )
    report = energy(usages_of(run)[0], P4D, CATALOG)
    assert report.utilisation == pytest.approx(0.45)


def test_jobs_draw_power_for_lost_work_and_none_while_down() -> None:
    zero = np.zeros(0)
    felt = JobOutcomes(
        submit_s=zero,
        start_s=zero,
        end_s=zero,
        gpus=np.zeros(0, np.int64),
        preemptions=np.zeros(0, np.int64),
        lost_s=zero,
        checkpoint_s=zero,
        restart_s=zero,
        held_gpu_s=zero,
        rejected=np.zeros(0, bool),
    )
    seconds = {"useful": 40.0, "lost": 10.0, "idle_free": 20.0, "restart": 2.0, "down": 8.0}
    hours = {state: hour * HOUR for state, hour in seconds.items()}
    run = JobLedger(horizon_s=10 * HOUR, gpus=8, outcomes=felt, gpu_seconds=hours)
    report = energy(run.usage(gpus_per_node=8), P4D, CATALOG)
    assert report.utilisation == pytest.approx(50 / 72)
    assert report.accelerators_kwh == pytest.approx((72 * 46 + 50 * (407 - 46)) / 1e3)


def test_what_is_not_known_is_named_and_never_zero() -> None:
    lambda_h100 = CATALOG.offer("lambda/gpu_8x_h100_sxm5")
    report = energy(usage(1, computing=1), lambda_h100, CATALOG)
    assert report.accelerators_kwh == pytest.approx(8 * 0.7)
    assert (report.kwh, report.gco2e) == (None, None)
    assert any("PUE of provider 'lambda'" in said for said in report.unknown)
    assert any("grid intensity of 'lambda/any'" in said for said in report.unknown)
    known = energy(usage(1, computing=1), lambda_h100, CATALOG, Site(pue=1.2, g_per_kwh=100.0))
    if report.hosts_kwh is None:
        assert known.kwh is None
    else:
        assert known.gco2e == pytest.approx((report.accelerators_kwh + report.hosts_kwh) * 1.2 * 100)
    bare = energy(usage(1, computing=1), replace(P4D, vcpus=None), CATALOG)
    assert (bare.hosts_kwh, bare.kwh, bare.gco2e) == (None, None, None)
    assert "vCPUs and memory of aws/p4d.24xlarge" in bare.unknown[0]
    elsewhere = energy(usage(1, computing=1), replace(P4D, region="moon-1"), CATALOG)
    assert elsewhere.kwh
    assert elsewhere.gco2e is None
    with pytest.raises(CatalogError, match="no power of 'tpu-v5e'"):
        accelerator_draw("tpu-v5e", CATALOG)


def test_embodied_carbon_is_a_part_of_four_years() -> None:
    report = energy(usage(350.4, computing=1), P4D, CATALOG, Site(embodied_kg_per_node=3500.0))
    assert report.embodied_gco2e == pytest.approx(35_000.0)


def test_no_time_draws_nothing() -> None:
    report = energy(usage(0), P4D, CATALOG)
    assert (report.utilisation, report.kwh, report.gco2e) == (0.0, 0.0, 0.0)


def test_power_that_nobody_measured_is_an_idle_share_of_the_rated_power() -> None:
    draw, said = accelerator_draw("h100", CATALOG)
    assert (draw.idle_w, draw.max_w) == (pytest.approx(79.8), 700)
    assert "(assumed)" in said
    shares = [row.idle_w / row.max_w for row in CATALOG.facts.power if row.name in ("a100-80gb-sxm", "a10g", "t4")]
    assert sum([*shares, 35 / 306]) / 4 == pytest.approx(IDLE_SHARE, abs=1e-3)
    assert host_draw(P4D, CATALOG)[0].idle_w < host_draw(P4D, CATALOG)[0].max_w
    assert doctest.testmod(sys.modules[energy.__module__]).failed == 0
    with pytest.raises(ValueError, match="must not exceed max_w"):
        PowerDraw(name="x", idle_w=2, max_w=1, source="s", as_of="2026", quality="A")
