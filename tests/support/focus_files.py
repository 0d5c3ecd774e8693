"""Small cost files, as dirty as real ones."""

from collections.abc import Sequence
from pathlib import Path

HEAD = (
    "Id,BilledCost,EffectiveCost,ListCost,ContractedCost,ListUnitPrice,PricingQuantity,PricingUnit,"
    "ConsumedQuantity,ConsumedUnit,BillingCurrency,BillingAccountId,BillingPeriodStart,BillingPeriodEnd,"
    "ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ChargeClass,ChargeFrequency,PricingCategory,ProviderName,"
    "ServiceName,RegionId,SkuId,SkuPriceDetails,CommitmentDiscountId,CommitmentDiscountStatus,Tags"
)
P5 = '"{""InstanceType"": ""p5.48xlarge"", ""GpuCount"": 8}"'


def row(number: int, keep: Sequence[str] | None = None, **cells: object) -> str:
    """One row: an hour of an on-demand p5.48xlarge in us-east-1, but for the cells given; all columns, or some."""
    usual = {
        "Id": number,
        "BilledCost": 55.04,
        "EffectiveCost": 55.04,
        "ListCost": 55.04,
        "ContractedCost": 55.04,
        "ListUnitPrice": 55.04,
        "PricingQuantity": 1,
        "PricingUnit": "Hours",
        "ConsumedQuantity": 1,
        "ConsumedUnit": "Hours",
        "BillingCurrency": "USD",
        "BillingAccountId": "1",
        "BillingPeriodStart": "2026-03-01T00:00:00Z",
        "BillingPeriodEnd": "2026-04-01T00:00:00Z",
        "ChargePeriodStart": "2026-03-02T00:00:00Z",
        "ChargePeriodEnd": "2026-03-02T01:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeFrequency": "Usage-Based",
        "PricingCategory": "Standard",
        "ProviderName": "AWS",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "RegionId": "us-east-1",
        "SkuId": "ABC",
        "SkuPriceDetails": P5,
        "CommitmentDiscountId": "",
        "CommitmentDiscountStatus": "",
        "Tags": '"{""team"": ""search""}"',
    }
    assert usual.keys() >= cells.keys(), cells.keys() - usual.keys()
    whole = usual | cells
    return ",".join(str(whole[name]) for name in keep or whole)


COMMITTED = {"PricingCategory": "Committed", "CommitmentDiscountId": "sp-1"}
DIRTY = [
    row(1),
    row(
        2,
        ChargePeriodStart="2026-03-02 01:00:00",
        ChargePeriodEnd="2026-03-02 02:00:00",
        ChargeFrequency="Usage-based",
    ),
    row(3, ContractedCost="", ChargeClass="NULL"),
    row(4, BilledCost=0, EffectiveCost=30, CommitmentDiscountStatus="Used", **COMMITTED),
    row(
        5,
        BilledCost=0,
        EffectiveCost=10,
        ListCost=0,
        ConsumedQuantity="NULL",
        ConsumedUnit="NULL",
        CommitmentDiscountStatus="Unused",
        SkuId="sp",
        SkuPriceDetails="NULL",
        PricingUnit="USD",
        PricingQuantity=10,
        ListUnitPrice=0,
        **COMMITTED,
    ),
    row(
        6,
        BilledCost=40,
        EffectiveCost=0,
        ListCost=40,
        ChargeCategory="Purchase",
        ConsumedQuantity="",
        ConsumedUnit="",
        ChargeFrequency="Recurring",
        SkuId="sp",
        CommitmentDiscountId="sp-1",
        SkuPriceDetails="",
    ),
    row(
        7,
        BilledCost=-5,
        EffectiveCost=-5,
        ListCost=-5,
        ContractedCost=-5,
        ChargeCategory="Credit",
        ConsumedQuantity="",
        ConsumedUnit="",
        PricingCategory="",
    ),
    row(8, PricingQuantity=2, ConsumedQuantity=7200, ConsumedUnit="Seconds", ListCost=100),
    row(9, BilledCost=12, EffectiveCost=12, ListCost=55.04, PricingCategory="Dynamic"),
    row(
        10,
        BilledCost=2.3,
        EffectiveCost=2.3,
        ListCost=2.3,
        ContractedCost=2.3,
        ListUnitPrice=0.023,
        PricingQuantity=100,
        PricingUnit="GB-Mo",
        ConsumedQuantity=100,
        ConsumedUnit="GB-Months",
        SkuPriceDetails="",
        ServiceName="Amazon Simple Storage Service",
        SkuId="S3",
    ),
    row(
        11,
        BilledCost=-55.04,
        EffectiveCost=-55.04,
        ListCost=-55.04,
        ContractedCost=-55.04,
        ConsumedQuantity=-1,
        PricingQuantity=-1,
        ChargeClass="Correction",
    ),
]
"""Eleven rows with what real exports have: literal NULLs, times without T and Z, blocks, credits, corrections."""


def cost_file(folder: Path, rows: list[str] | None = None, *, head: str = HEAD, name: str = "focus.csv") -> Path:
    """A cost file of these rows, by default the dirty ones."""
    path = folder / name
    path.write_text("\n".join([head, *(DIRTY if rows is None else rows)]) + "\n", encoding="utf-8")
    return path
