"""Commitments cover what the catalog says their provider lets them cover, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcost.api import command
from simcost.billing.commitment import (
    AzureReservation,
    AzureSavingsPlan,
    Commitment,
    FlexibleCud,
    ReservedInstances,
    ResourceCud,
    SavingsPlan,
)
from simcost.billing.metering import Line, UsageIntervals, metered
from simcost.billing.settlement import Settlement, settle
from simcost.catalog import load_catalog

CATALOG = load_catalog()
SERVICES = CATALOG.facts.services
ROWS = CATALOG.facts.commitment_eligibility
SPEND: tuple[SavingsPlan | AzureSavingsPlan | FlexibleCud, ...] = (
    SavingsPlan(commitment=1.0, discount=0.3),
    SavingsPlan(commitment=1.0, discount=0.3, covers="instance", family="m5", region="r"),
    SavingsPlan(commitment=1.0, discount=0.3, covers="sagemaker"),
    AzureSavingsPlan(commitment=1.0, discount=0.3),
    FlexibleCud(commitment=1.0, discount=0.3),
)
SKUS = (
    "m5.xlarge",
    "ml.m5.xlarge",
    "db.m5.xlarge",
    "cache.r6g.large",
    "Standard_D4s_v5",
    "n2-standard-4",
    "e9-new",
    "fee",
)


def line(provider: str, service: str, sku: str, usd: float = 1.0) -> Line:
    return Line(
        provider=provider,
        sku=sku,
        service=service,
        region="r",
        list_usd=usd,
        contracted_usd=usd,
        as_of="",
        quality="given",
    )


def settled(commitments: list[Commitment], lines: list[Line]) -> Settlement:
    """Each line runs for an hour."""
    count = len(lines)
    hour = UsageIntervals(
        start_s=np.zeros(count), end_s=np.full(count, 3600.0), line=np.arange(count), units=np.ones(count)
    )
    return settle(metered(lines, hour, horizon_s=3600.0, start_s=None), commitments, CATALOG)


def things() -> Iterator[tuple[str, str, str]]:
    for service in SERVICES:
        for sku in SKUS:
            yield service.provider, service.service, sku


THINGS = list(things())


def test_the_rows_name_known_services_and_their_sources() -> None:
    known = {(one.provider, one.service) for one in SERVICES}
    assert not [row for row in ROWS if row.service != "*" and (row.provider, row.service) not in known]
    assert all(row.source and row.as_of for row in (*ROWS, *SERVICES))
    for instrument in ("compute-savings-plan", "flexible-cud", "azure-savings-plan"):
        answers = {row.eligible for row in ROWS if row.instrument == instrument}
        assert answers == {"yes", "no"}


@given(st.sampled_from(SPEND), st.lists(st.sampled_from(THINGS), min_size=1, max_size=6, unique=True))
@settings(max_examples=300, deadline=None)
def test_spend_covers_exactly_what_is_eligible(plan: Any, used: list[tuple[str, str, str]]) -> None:
    """Something eligible stands beside the rest, so that no plan is for none of the usage."""
    anchors = {
        "aws": ("aws", "", "m5.large"),
        "azure": ("azure", "", "Standard_D2s_v5"),
        "gcp": ("gcp", "", "n2-standard-2"),
    }
    if getattr(plan, "covers", "") == "sagemaker":
        anchors["aws"] = ("aws", "", "ml.m5.large")
    lines = [line(*one) for one in (anchors[plan.provider], *used)]
    found = settled([plan], lines).bought[0].bound
    for i, one in enumerate(lines):
        answer = CATALOG.eligibility(one.provider, plan.listed_as, one.service, one.sku, term_years=1)
        covered = found.rates[i] > 0
        mine = one.provider == plan.provider and plan.reaches(one, None)
        assert covered == (mine and answer == "yes")
        assert found.left_out.get(i, "yes") == (answer if mine else "yes")


@pytest.mark.parametrize(
    ("service", "sku"),
    [
        ("Amazon Relational Database Service", "db.r5.xlarge"),
        ("Amazon ElastiCache", "cache.r6g.large"),
        ("Amazon Elastic Kubernetes Service", "AmazonEKS-Hours:perCluster"),
        ("Amazon Virtual Private Cloud", "NatGateway-Hours"),
        ("Something New", "m5.xlarge"),
    ],
)
def test_a_mixed_bill_is_settled_without_what_may_not_be_covered(service: str, sku: str) -> None:
    """A plan of $0.70 an hour covers the machine at 30 % off; the rest of the bill is paid in full."""
    mixed = settled(
        [SavingsPlan(commitment=0.7, discount=0.3)], [line("aws", "", "m5.xlarge"), line("aws", service, sku, 9.0)]
    )
    assert mixed.effective_usd == pytest.approx(0.7 + 9.0)
    [left] = mixed.left_out(mixed.bought[0].bound)
    assert (left["sku"], left["usd"]) == (sku, pytest.approx(9.0))
    assert any("$9.00" in note and "does not cover" in note for note in mixed.notes)


@given(st.lists(st.sampled_from([one for one in THINGS if one[0] == "aws"]), min_size=1, max_size=5, unique=True))
@settings(max_examples=60, deadline=None)
def test_capacity_of_one_service_takes_no_hour_of_another(used: list[tuple[str, str, str]]) -> None:
    lines = [line(*one) for one in used]
    for sku in {one.sku for one in lines}:
        held = ReservedInstances(sku=sku, region="r", count=3, discount=0.3)
        bound = settled([held], lines).bought[0].bound
        for i, one in enumerate(lines):
            eligible = CATALOG.eligibility("aws", "reserved-instance", one.service, one.sku) == "yes"
            assert eligible or not bound.takes[i]


@pytest.mark.parametrize(
    ("held", "wrong"),
    [
        (
            AzureReservation(sku="Standard_D4s_v5", region="r", count=1, price=1.0),
            ("azure", "Bandwidth", "Standard_D4s_v5"),
        ),
        (ResourceCud(sku="n2-standard-4", region="r", count=1, price=1.0), ("gcp", "Cloud SQL", "n2-standard-4")),
    ],
)
def test_reservations_elsewhere_read_the_same_lists(held: Commitment, wrong: tuple[str, str, str]) -> None:
    bound = settled([held], [line(*wrong)]).bought[0].bound
    assert bound.left_out == {0: "no"}


def test_an_offer_is_not_sold_on_a_bill_that_it_may_not_cover(tmp_path: Path) -> None:
    """A bill of databases and machines: the advice is that for the machines alone."""
    rows = ["provider,service,sku,region,start,end,quantity,price,list_price,contracted_price,unit"]
    both = [
        ("", "m5.xlarge", 1, 0.192),
        ("Amazon Relational Database Service", "db.r5.xlarge", 4, 0.5),
    ]
    for day in range(1, 29):
        for service, sku, quantity, usd in both:
            rows.append(
                f"aws,{service},{sku},us-east-1,2026-02-{day:02}T00:00:00Z,2026-02-{day:02}T23:59:59Z,{quantity},,{usd},{usd},"
            )
    usage, options = tmp_path / "usage.csv", tmp_path / "options.yaml"
    options.write_text("commitments: [{kind: savings-plan, commitment: $5/h, discount: 30 %}]\n")
    found = []
    for text in ("\n".join(rows), "\n".join(row for row in rows if "db." not in row)):
        usage.write_text(text + "\n")
        found.append(command("commit", usage, "--options", options).document)
    mixed, alone = found
    assert mixed["commitments"][0]["commitment"] == pytest.approx(alone["commitments"][0]["commitment"])
    [left] = [row for rows in mixed["not_covered"].values() for row in rows]
    assert (left["service"], left["eligible"]) == ("Amazon Relational Database Service", "no")
    assert left["usd"] == pytest.approx(4 * 0.5 * 730, rel=0.01)
