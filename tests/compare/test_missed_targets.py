"""Targets that a plan misses, in one sentence."""

from types import SimpleNamespace
from typing import Any

import pytest

from simcost.compare.verdict import cautions, missed, missed_targets, undecided
from simcost.perf.quality import ModelQuality
from simcost.slo import Check

TTFT = Check(name="ttft_s p95", measured=2.0, target=1.0, met=False)
WAIT = Check(name="wait_s p95", measured=7200.0, target=3600.0, met=False)
FUTURES = Check(name="futures", measured=0.0, target=0.9, met=False)


def plan(broken: Check, *, arrived: int = 1, late: tuple[Check, ...] = ()) -> Any:
    services = [SimpleNamespace(name="chat", met=False, broken=(check,)) for check in late]
    served = [SimpleNamespace(requests={"arrived": arrived})]
    return SimpleNamespace(broken=(broken,), services=services, served=served)


def test_jobs_that_wait_too_long_are_named_beside_a_service_that_is_late() -> None:
    assert missed_targets(plan(WAIT)) == "P95 wait 2 h (target 60 min)"
    assert missed_targets(plan(WAIT, late=(TTFT,))) == (
        "P95 wait 2 h (target 60 min), TTFT p95 2 s (target 1 s) of chat"
    )
    assert missed_targets(plan(FUTURES, late=(TTFT,))) == "TTFT p95 2 s (target 1 s) of chat"


def test_a_service_more_is_one() -> None:
    """It read `the targets of 1 more services`."""
    assert missed_targets(plan(TTFT, late=(TTFT,) * 4)).endswith(" of chat, and the targets of 1 more service")


@pytest.mark.parametrize(("arrived", "why"), [(0, ": no request to measure"), (5, "")])
def test_futures_without_requests_say_why_they_miss(arrived: int, why: str) -> None:
    said = missed_targets(plan(FUTURES, arrived=arrived))
    assert said == f"the SLO in 100 % of the futures (10 % allowed){why}"


def test_a_tenant_keeps_its_name() -> None:
    """It was written in capital letters: "GOLD-USERS: TTFT p95"."""
    check = Check(name="Gold-users: ttft_s p95", measured=2.0, target=1.0, met=False)
    assert missed([check]) == "Gold-users: TTFT p95 2 s (target 1 s)"


def test_targets_of_many_tenants_are_the_first_and_a_number() -> None:
    """The verdict of 10,000 tenants named each that missed its target."""
    checks = [Check(name=f"t{k}: attainment", measured=0.5, target=0.9, met=False) for k in range(40)]
    assert missed(checks[:6]).count(" and ") == 5
    assert missed(checks) == ", ".join(map(missed, zip(checks[:3], strict=True))) + " and 37 more targets"


@pytest.mark.parametrize(("futures", "names"), [(0.95, ["wait_s p95"]), (0.5, [])])
def test_of_futures_the_targets_of_each_may_still_be_missed(futures: float, names: list[str]) -> None:
    """The target of the plan is of futures, so that nothing was said of the jobs in them."""
    counts = {"failed": 0, "submitted": 4}
    report = SimpleNamespace(undecided=("wait_s p95",), checks=(WAIT,), jobs=counts, after_stops=())
    checks = (Check.of("futures", futures, 0.9),)
    plan: Any = SimpleNamespace(
        trained=[SimpleNamespace(slo=report)],
        checks=checks,
        results=(),
        services=(),
        quality=None,
        at_least=None,
        served=[],
    )
    assert undecided(plan) == names
    said = "Its P95 wait may still miss: jobs count up to the end of the run; give a longer horizon."
    assert cautions(plan) == ([said] if names else [])


@pytest.mark.parametrize("met", [True, False])
def test_waits_after_jobs_were_stopped_are_told_where_the_first_start_meets_the_target(met: bool) -> None:
    """`las` on a third of the GPUs was the cheapest plan: its jobs start at once, and wait for days later."""
    kept = Check(name="wait_s p95", measured=0.0, target=7200.0, met=met)
    stops = [Check(name="wait_s p95", measured=hours * 3600.0, target=7200.0, met=False) for hours in (30, 48)]
    counts = {"failed": 0, "submitted": 4}
    reports = [SimpleNamespace(undecided=(), checks=(kept,), jobs=counts, after_stops=(stop,)) for stop in stops]
    plan: Any = SimpleNamespace(
        trained=[SimpleNamespace(slo=report) for report in reports],
        checks=(kept,),
        results=(),
        services=(),
        quality=None,
        at_least=None,
        served=[],
    )
    said = "Its P95 wait ends with the first start: with the queue after jobs were stopped it is 2 d"
    assert cautions(plan) == ([f"{said}; set a target on `jct`."] if met else [])


@pytest.mark.parametrize(("at_least", "api"), [(65.0, "a/large"), (None, "a/large"), (65.0, None)])
def test_answers_of_an_api_that_a_quality_does_not_count_are_told(at_least: float | None, api: str | None) -> None:
    score = ModelQuality(model="m", metric="mmlu", value=65.3, source="s", without_api=api)
    served = [
        SimpleNamespace(requests={"completed": 50}, overflowed=40),
        SimpleNamespace(requests={"completed": 50}, overflowed=20),
    ]
    one: Any = SimpleNamespace(name="api", quality=score, at_least=at_least, served=served)
    plan: Any = SimpleNamespace(trained=[], checks=(), results=(), services=(one,))
    said = ["a/large gives 60 % of the answers of api, which its mmlu does not count."]
    assert cautions(plan) == (said if at_least and api else [])
