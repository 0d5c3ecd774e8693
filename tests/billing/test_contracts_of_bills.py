"""Each contract line covers money of the bill or is a fault with the nearest names; a discount in the plan is the same
as a contract on all of the provider.
"""

from dataclasses import replace
from math import fsum
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import HOUR, ledger

from simcost.billing import ManagedEndpoint, OnDemand, bill
from simcost.billing.account import bill_usage
from simcost.billing.bill import Bill, Charge
from simcost.billing.commitment import Commitment, ReservedInstances, SavingsPlan
from simcost.billing.commitment.azure import AzureSavingsPlan
from simcost.billing.document import contract_savings
from simcost.billing.purchasing import Purchasing
from simcost.catalog import Catalog, load_catalog
from simcost.catalog.contracts import ContractPrice
from simcost.errors import FaultsError, InputError
from simcost.trace.usage.reader import read_usage

MONTH = "2026-08-01T00:00:00Z,2026-09-01T00:00:00Z"
ROWS = {
    "compute": f"aws,p5.48xlarge,us-east-1,{MONTH},2,h",
    "small": f"aws,g6.xlarge,us-east-1,{MONTH},3,h",
    "fee": f"aws,nat-gateway,us-east-1,{MONTH},1,h",
    "storage": f"aws,storage,us-east-1,{MONTH},90000,",
    "egress": f"aws,egress,us-east-1,{MONTH},60000,",
    "inter-zone": f"aws,inter-zone,us-east-1,{MONTH},500,",
    "azure": f"azure,Standard_NC24ads_A100_v4,eastus,{MONTH},1,h",
    "tokens": f"anthropic,claude-opus-4-5,any,{MONTH},1e9,input_tokens",
    "answers": f"anthropic,claude-opus-4-5,any,{MONTH},1e8,output_tokens",
}
OWN = {"nat-gateway": 0.045}
PLAN: tuple[Commitment, ...] = (
    ReservedInstances(sku="p5.48xlarge", region="us-east-1", count=1, discount=0.4, upfront="partial"),
    SavingsPlan(commitment=20.0, discount=0.3),
)


def priced(folder: Path, rows: list[str], contracts: list[ContractPrice], plan: Purchasing) -> Bill:
    folder.joinpath("usage.csv").write_text("\n".join(["provider,sku,region,start,end,quantity,unit", *rows]) + "\n")
    sold = {one.name.lower() for one in load_catalog().facts.token_prices}
    usage = read_usage(folder / "usage.csv", provider=plan.provider, models=sold)
    return bill_usage(usage, plan, catalog_of(contracts))


def catalog_of(contracts: list[ContractPrice]) -> Catalog:
    facts = load_catalog().facts
    return Catalog(replace(facts, contracts=tuple(contracts)))


def without_azure() -> list[str]:
    known = {offer.name for offer in load_catalog().facts.offers}
    return [row for name, row in ROWS.items() if name != "azure" or "azure/Standard_NC24ads_A100_v4" in known]


lines = st.builds(
    ContractPrice,
    provider=st.sampled_from(["aws", "anthropic", "azure", "gcp", "antropic"]),
    sku=st.sampled_from(
        ["*", "p5.*", "g6.xlarge", "p5.48xlarg", "storage", "egress", "claude-*", "nat*", "inter-zone"]
    ),
    service=st.sampled_from([None, None, "compute", "storage", "transfer", "tokens", "commitments"]),
    region=st.sampled_from(["any", "any", "us-east-1", "eu-west-9"]),
    discount=st.sampled_from([0.05, 0.1, 0.33]),
    valid_to=st.sampled_from(["", "", "2026-07-31", "2026-08-10"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.sets(st.sampled_from(sorted(ROWS)), min_size=1),
    contracts=st.lists(lines, min_size=1, max_size=4, unique_by=lambda one: one.name),
    committed=st.booleans(),
)
def test_each_contract_line_covers_money_or_is_a_fault_or_gives_way(
    tmp_path: Path, rows: set[str], contracts: list[ContractPrice], committed: bool
) -> None:
    usage = [ROWS[name] for name in sorted(rows) if ROWS[name] in without_azure()]
    plan = Purchasing(prices=OWN, commitments=PLAN if committed and rows & {"compute", "small"} else ())
    if not usage:
        return
    listed = priced(tmp_path, usage, [], plan)
    try:
        bill = priced(tmp_path, usage, contracts, plan)
    except FaultsError as error:
        check_faults(error, contracts, listed)
        return
    uses = {one["contract"]: one for one in contract_savings(bill.charges)}
    for line in contracts:
        if not (line.valid_to and line.valid_to < "2026-08-01"):
            told = any(note.startswith(f"contract {line.name}: nothing is paid by it") for note in bill.notes)
            assert told or uses[line.name]["covered_usd"] > 0
            assert not (told and line.name in uses)
    saved = fsum(one["saved_usd"] for one in uses.values())
    assert bill.total_usd + saved == pytest.approx(listed.total_usd, abs=0.005)
    if all(line.valid_to != "2026-08-10" for line in contracts):
        current = [line for line in contracts if not line.valid_to]
        apart = fsum(charge.effective_cost_usd * (1 - off(charge, current)) for charge in listed.charges)
        assert bill.total_usd == pytest.approx(apart, abs=0.005)


def check_faults(error: FaultsError, contracts: list[ContractPrice], listed: Bill) -> None:
    for fault in error.faults:
        [line] = [one for one in contracts if one.name == fault.path]
        assert not any(covers(line, charge) for charge in listed.charges)
        assert "matches nothing in this bill" in fault.message
        assert any(f"{charge.provider}/" in fault.message for charge in listed.charges)


def covers(line: ContractPrice, charge: Charge) -> bool:
    if charge.commitment:  # reserved instances are of a region, savings plans of none
        here = line.region in ("any", charge.region)
        return line.provider == charge.provider and line.sku == "*" and line.service in (None, "commitments") and here
    sku = charge.sku
    return line.covers(charge.provider, sku, charge.region, charge.service, None)


def off(charge: Charge, contracts: list[ContractPrice]) -> float:
    """The discount of the line for the fewest things, of all that name a charge."""
    held = [line for line in contracts if covers(line, charge)]
    held.sort(key=lambda one: ("*" not in one.sku, len(one.sku), one.region != "any", one.service is not None))
    return held[-1].discount or 0.0 if held else 0.0


@pytest.mark.parametrize("commitments", [(), PLAN, PLAN[:1], PLAN[1:]])
def test_a_discount_on_all_of_aws_is_a_share_of_the_whole_bill(
    tmp_path: Path, commitments: tuple[Commitment, ...]
) -> None:
    """After the rates of savings plans and reserved instances, on fees, disks, traffic and what the plan prices."""
    rows = [row for row in ROWS.values() if row.startswith("aws,")]
    plan = Purchasing(prices=OWN, commitments=commitments)
    listed = priced(tmp_path, rows, [], plan)
    agreed = ContractPrice(provider="aws", discount=0.08)
    by_contract = priced(tmp_path, rows, [agreed], plan)
    in_plan = priced(tmp_path, rows, [], replace(plan, discount=0.08))
    for found in (by_contract, in_plan):
        assert found.total_usd == pytest.approx(0.92 * listed.total_usd, abs=0.005)
        assert found.billed_usd == pytest.approx(0.92 * listed.billed_usd, abs=0.005)
        assert found.list_usd == pytest.approx(listed.list_usd)
        [use] = contract_savings(found.charges)
        assert use["covered_usd"] == pytest.approx(listed.total_usd, abs=0.005)
        assert use["saved_usd"] == pytest.approx(0.08 * listed.total_usd, abs=0.005)


@pytest.mark.parametrize("service", ["compute", "storage", "transfer", "tokens"])
def test_a_contract_of_a_service_covers_that_service_alone(tmp_path: Path, service: str) -> None:
    listed = priced(tmp_path, without_azure(), [], Purchasing(prices=OWN))
    provider = "anthropic" if service == "tokens" else "aws"
    agreed = ContractPrice(provider=provider, service=service, discount=0.1)  # type: ignore[arg-type]
    bill = priced(tmp_path, without_azure(), [agreed], Purchasing(prices=OWN))
    mine = fsum(c.effective_cost_usd for c in listed.charges if c.service == service and c.provider == provider)
    assert bill.total_usd == pytest.approx(listed.total_usd - 0.1 * mine, abs=0.005)


def test_a_contract_of_half_a_month_covers_its_days(tmp_path: Path) -> None:
    """Also of disks, traffic and tokens, which are spread evenly, and of the fees of commitments."""
    rows = [row for row in ROWS.values() if row.startswith("aws,")]
    plan = Purchasing(prices=OWN, commitments=(SavingsPlan(commitment=20.0, discount=0.3),))
    first = ContractPrice(provider="aws", discount=0.1, valid_to="2026-08-10")
    then = ContractPrice(provider="aws", discount=0.2, valid_from="2026-08-11")
    bill, listed = priced(tmp_path, rows, [first, then], plan), priced(tmp_path, rows, [], plan)
    days = {one["contract"]: one["covered_usd"] / listed.total_usd for one in contract_savings(bill.charges)}
    assert days == pytest.approx({first.name: 10 / 31, then.name: 21 / 31}, rel=2e-3)
    assert bill.total_usd == pytest.approx((10 * 0.9 + 21 * 0.8) / 31 * listed.total_usd, rel=2e-3)


def test_fees_of_other_clouds_are_discounted_only_where_the_contract_says_so(tmp_path: Path) -> None:
    rows = [row for row in without_azure() if row.startswith("azure,")]
    if not rows:
        pytest.skip("the catalog lost the offer")
    plan = Purchasing(commitments=(AzureSavingsPlan(commitment=1.0, discount=0.3),))
    listed = priced(tmp_path, rows, [], plan)
    fees = fsum(c.billed_cost_usd for c in listed.charges if c.charge_category == "Purchase")
    wide = priced(tmp_path, rows, [ContractPrice(provider="azure", discount=0.1)], plan)
    assert fsum(c.billed_cost_usd for c in wide.charges if c.charge_category == "Purchase") == pytest.approx(fees)
    said = ContractPrice(provider="azure", service="commitments", discount=0.1)
    told = priced(tmp_path, rows, [said], plan)
    assert told.billed_usd == pytest.approx(listed.billed_usd - 0.1 * fees)


def test_a_price_of_the_plan_in_place_of_the_catalogs_is_paid_as_it_is(tmp_path: Path) -> None:
    agreed = [ContractPrice(provider="aws", sku="g6.xlarge", discount=0.1)]
    bill = priced(tmp_path, [ROWS["small"]], agreed, Purchasing(prices={"g6.xlarge": 0.5}))
    assert bill.total_usd == pytest.approx(3 * 744 * 0.5)
    assert any("nothing is paid by it" in note for note in bill.notes)


def test_a_discount_needs_its_provider_where_there_are_several(tmp_path: Path) -> None:
    rows = [ROWS["small"], ROWS["tokens"]]
    with pytest.raises(InputError, match=r"of anthropic and aws: add `provider: NAME`, or .* contracts.csv"):
        priced(tmp_path, rows, [], Purchasing(discount=0.08))
    bill = priced(tmp_path, rows, [], Purchasing(discount=0.08, provider="anthropic"))
    assert {charge.provider for charge in bill.charges if charge.contract} == {"anthropic"}


@pytest.mark.parametrize(
    "buy",
    [
        OnDemand(offer="aws/g6.xlarge", region="us-east-1"),
        OnDemand(
            offer="aws/g6.xlarge",
            region="us-east-1",
            commitments=(SavingsPlan(commitment=0.5, discount=0.3, upfront="none"),),
        ),
        ManagedEndpoint(offer="aws/g6.xlarge", region="us-east-1", premium=0.25),
    ],
)
def test_a_discount_of_a_simulated_plan_is_the_same_contract(buy: OnDemand | ManagedEndpoint) -> None:
    run = ledger(
        [(0.0, 10 * HOUR), (2 * HOUR, 5 * HOUR)], [(0, "ready", 0.0, 10 * HOUR, 6 * HOUR)], horizon_s=10 * HOUR
    )
    listed, agreed = load_catalog(), catalog_of([ContractPrice(provider="aws", discount=0.08)])
    plain = bill(run, buy, listed)
    for found in (bill(run, buy, agreed), bill(run, replace(buy, discount=0.08), listed)):
        assert found.total_usd == pytest.approx(0.92 * plain.total_usd)
        assert fsum(found.compute_by_state_usd.values()) == pytest.approx(
            0.92 * fsum(plain.compute_by_state_usd.values())
        )


@given(
    contracts=st.lists(lines, max_size=3, unique_by=lambda one: one.name),
    plan=st.sampled_from([PLAN, *zip(PLAN, strict=True)]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_commitments_save_what_the_bill_without_them_costs_more(
    tmp_path: Path, contracts: list[ContractPrice], plan: tuple[Commitment, ...]
) -> None:
    """Under any contract, also one that makes the commitments a loss."""
    rows = [row for row in ROWS.values() if row.startswith("aws,")]
    try:
        bill = priced(tmp_path, rows, contracts, Purchasing(prices=OWN, commitments=plan))
        without = priced(tmp_path, rows, contracts, Purchasing(prices=OWN))
    except FaultsError:  # a contract about nothing that was used
        return
    saved = fsum(use.otherwise_usd - float(use.committed_usd.sum()) for use in bill.settlement.bought)
    assert saved == pytest.approx(without.total_usd - bill.total_usd, abs=0.005)
