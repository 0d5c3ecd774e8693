"""Requests without an answer: each kind with its reason, and those that another service got."""

from simcost.studies.plans.tables import unanswered

ARRIVED = {"arrived": 1000, "completed": 850, "rejected": 100, "timed_out": 0, "lost": 0, "in_system": 50}


def plan(**more):
    return {"name": "small", "requests": ARRIVED} | more


def test_those_that_fell_back_are_told_of():
    assert len(unanswered({"plans": [plan()]})) == 1
    [rejected, fell_back] = unanswered({"plans": [plan(fell_back=90)]})
    assert rejected.startswith("small: 100 of 1,000 rejected")
    assert fell_back == "small: 90 of these fell back: another service answers them or not"


def test_a_transfer_that_failed_is_no_replica_that_was_taken_away():
    lost = {"requests": ARRIVED | {"rejected": 0, "lost": 7}}
    assert unanswered({"plans": [plan(**lost)]}) == ["small: 7 of 1,000 lost (their replica was taken away)"]
    apart = unanswered({"plans": [plan(**lost, disaggregation={"transfers": {"failed": 7}})]})
    assert apart == ["small: 7 of 1,000 lost (their replica was taken away, or the transfer of their KV cache failed)"]


def test_requests_over_the_rate_limit_of_a_tenant_are_told_of():
    tenants = [{"rate_limited": 60}, {"rate_limited": 0}]
    [limited] = unanswered({"plans": [plan(by_tenant=tenants)]})
    assert limited.endswith("; rate limits of tenants turned away 60, each sending counted)")
    [free] = unanswered({"plans": [plan(by_tenant=tenants[1:])]})
    assert "rate limits" not in free
