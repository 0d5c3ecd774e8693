"""Columns of FOCUS 1.2, and the search for them in a real export.

Source: FinOps Open Cost and Usage Specification 1.2 (2025-05-29), CC-BY-4.0.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simcost.errors import TraceError, columns_said, did_you_mean

Kind = Literal["decimal", "time", "string", "json"]
Presence = Literal["mandatory", "recommended", "conditional"]


@dataclass(frozen=True, slots=True)
class FocusColumn:
    """One column of the specification."""

    name: str
    kind: Kind
    presence: Presence
    nullable: bool = True
    allowed: tuple[str, ...] = ()
    """The only values there are; empty where any may stand."""


SUBCATEGORIES: dict[str, tuple[str, ...]] = {
    "AI and Machine Learning": (
        "AI Platforms",
        "Bots",
        "Generative AI",
        "Machine Learning",
        "Natural Language Processing",
        "Other (AI and Machine Learning)",
    ),
    "Analytics": (
        "Analytics Platforms",
        "Business Intelligence",
        "Data Processing",
        "Search",
        "Streaming Analytics",
        "Other (Analytics)",
    ),
    "Business Applications": ("Productivity and Collaboration", "Other (Business Applications)"),
    "Compute": (
        "Containers",
        "End User Computing",
        "Quantum Compute",
        "Serverless Compute",
        "Virtual Machines",
        "Other (Compute)",
    ),
    "Databases": (
        "Caching",
        "Data Warehouses",
        "Ledger Databases",
        "NoSQL Databases",
        "Relational Databases",
        "Time Series Databases",
        "Other (Databases)",
    ),
    "Developer Tools": (
        "Developer Platforms",
        "Continuous Integration and Deployment",
        "Development Environments",
        "Source Code Management",
        "Quality Assurance",
        "Other (Developer Tools)",
    ),
    "Identity": ("Identity and Access Management", "Other (Identity)"),
    "Integration": ("API Management", "Messaging", "Workflow Orchestration", "Other (Integration)"),
    "Internet of Things": ("IoT Analytics", "IoT Platforms", "Other (Internet of Things)"),
    "Management and Governance": (
        "Architecture",
        "Compliance",
        "Cost Management",
        "Data Governance",
        "Disaster Recovery",
        "Endpoint Management",
        "Observability",
        "Support",
        "Other (Management and Governance)",
    ),
    "Media": ("Content Creation", "Gaming", "Media Streaming", "Mixed Reality", "Other (Media)"),
    "Migration": ("Data Migration", "Resource Migration", "Other (Migration)"),
    "Mobile": ("Other (Mobile)",),
    "Multicloud": ("Multicloud Integration", "Other (Multicloud)"),
    "Networking": (
        "Application Networking",
        "Content Delivery",
        "Network Connectivity",
        "Network Infrastructure",
        "Network Routing",
        "Network Security",
        "Other (Networking)",
    ),
    "Security": (
        "Secret Management",
        "Security Posture Management",
        "Threat Detection and Response",
        "Other (Security)",
    ),
    "Storage": (
        "Backup Storage",
        "Block Storage",
        "File Storage",
        "Object Storage",
        "Storage Platforms",
        "Other (Storage)",
    ),
    "Web": ("Application Platforms", "Other (Web)"),
    "Other": ("Other (Other)",),
}
"""The service subcategories of each service category."""


_MUST: Presence = "mandatory"
_WHERE: Presence = "conditional"
_USE = ("Used", "Unused")
_ALL = (
    FocusColumn("BillingAccountId", "string", _MUST, nullable=False),
    FocusColumn("BillingAccountName", "string", _MUST),
    FocusColumn("BillingAccountType", "string", _WHERE),
    FocusColumn("SubAccountId", "string", _WHERE),
    FocusColumn("SubAccountName", "string", _WHERE),
    FocusColumn("SubAccountType", "string", _WHERE),
    FocusColumn("BillingCurrency", "string", _MUST, nullable=False),
    FocusColumn("BillingPeriodStart", "time", _MUST, nullable=False),
    FocusColumn("BillingPeriodEnd", "time", _MUST, nullable=False),
    FocusColumn("InvoiceId", "string", "recommended"),
    FocusColumn("InvoiceIssuerName", "string", _MUST, nullable=False),
    FocusColumn("ProviderName", "string", _MUST, nullable=False),
    FocusColumn("PublisherName", "string", _MUST, nullable=False),
    FocusColumn("ChargePeriodStart", "time", _MUST, nullable=False),
    FocusColumn("ChargePeriodEnd", "time", _MUST, nullable=False),
    FocusColumn(
        "ChargeCategory",
        "string",
        _MUST,
        nullable=False,
        allowed=("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    ),
    FocusColumn("ChargeClass", "string", _MUST, allowed=("Correction",)),
    FocusColumn("ChargeDescription", "string", _MUST),
    FocusColumn(
        "ChargeFrequency",
        "string",
        "recommended",
        nullable=False,
        allowed=("One-Time", "Recurring", "Usage-Based"),
    ),
    FocusColumn("ServiceCategory", "string", _MUST, nullable=False, allowed=tuple(SUBCATEGORIES)),
    FocusColumn(
        "ServiceSubcategory",
        "string",
        "recommended",
        nullable=False,
        allowed=tuple(name for names in SUBCATEGORIES.values() for name in names),
    ),
    FocusColumn("ServiceName", "string", _MUST, nullable=False),
    FocusColumn("SkuId", "string", _WHERE),
    FocusColumn("SkuPriceId", "string", _WHERE),
    FocusColumn("SkuMeter", "string", _WHERE),
    FocusColumn("SkuPriceDetails", "json", _WHERE),
    FocusColumn("RegionId", "string", _WHERE),
    FocusColumn("RegionName", "string", _WHERE),
    FocusColumn("AvailabilityZone", "string", "recommended"),
    FocusColumn("ResourceId", "string", _WHERE),
    FocusColumn("ResourceName", "string", _WHERE),
    FocusColumn("ResourceType", "string", _WHERE),
    FocusColumn("PricingCategory", "string", _WHERE, allowed=("Standard", "Committed", "Dynamic", "Other")),
    FocusColumn("PricingQuantity", "decimal", _MUST),
    FocusColumn("PricingUnit", "string", _MUST),
    FocusColumn("PricingCurrency", "string", _WHERE),
    FocusColumn("PricingCurrencyContractedUnitPrice", "decimal", _WHERE),
    FocusColumn("PricingCurrencyEffectiveCost", "decimal", _WHERE),
    FocusColumn("PricingCurrencyListUnitPrice", "decimal", _WHERE),
    FocusColumn("ListUnitPrice", "decimal", _WHERE),
    FocusColumn("ContractedUnitPrice", "decimal", _WHERE),
    FocusColumn("ListCost", "decimal", _MUST, nullable=False),
    FocusColumn("ContractedCost", "decimal", _MUST, nullable=False),
    FocusColumn("EffectiveCost", "decimal", _MUST, nullable=False),
    FocusColumn("BilledCost", "decimal", _MUST, nullable=False),
    FocusColumn("ConsumedQuantity", "decimal", _WHERE),
    FocusColumn("ConsumedUnit", "string", _WHERE),
    FocusColumn("CommitmentDiscountId", "string", _WHERE),
    FocusColumn("CommitmentDiscountName", "string", _WHERE),
    FocusColumn("CommitmentDiscountCategory", "string", _WHERE, allowed=("Spend", "Usage")),
    FocusColumn("CommitmentDiscountType", "string", _WHERE),
    FocusColumn("CommitmentDiscountStatus", "string", _WHERE, allowed=_USE),
    FocusColumn("CommitmentDiscountQuantity", "decimal", _WHERE),
    FocusColumn("CommitmentDiscountUnit", "string", _WHERE),
    FocusColumn("CapacityReservationId", "string", _WHERE),
    FocusColumn("CapacityReservationStatus", "string", _WHERE, allowed=_USE),
    FocusColumn("Tags", "json", _WHERE),
)
"""In the order in which they are written."""
COLUMNS: dict[str, FocusColumn] = {column.name: column for column in _ALL}
NEEDED = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "ChargeCategory",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ProviderName",
    "ServiceName",
)
"""Without these nothing can be said of a file."""
LATER = {"ServiceProviderName": "ProviderName", "HostProviderName": "PublisherName"}
"""Names of 1.3 for columns of 1.2."""
OF_1_3 = (
    *LATER,
    "AllocatedMethodId",
    "AllocatedMethodDetails",
    "AllocatedResourceId",
    "AllocatedResourceName",
    "AllocatedTags",
    "ContractApplied",
)
OF_1_2 = (
    "InvoiceId",
    "BillingAccountType",
    "SubAccountType",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
)
OF_1_1 = (
    "CapacityReservationId",
    "CapacityReservationStatus",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit",
    "ServiceSubcategory",
    "SkuMeter",
    "SkuPriceDetails",
)
EXTRA = ("x_SkuDetails", "x_UsageType", "x_SystemLabels")
"""Providers' own columns that tell an instance type, or that reserved capacity was idle."""
WHAT = "FOCUS export, as CSV (also .gz) or Parquet"


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of one file."""

    theirs: dict[str, str]
    """Ours -> the file's name of it."""
    respelled: tuple[str, ...]
    """The file's names that are not spelled as in FOCUS 1.2."""
    strangers: tuple[str, ...]
    """Columns that are neither FOCUS's nor begin with x_."""
    version: Literal["1.0", "1.1", "1.2", "1.3"]
    """The oldest version that has all of its columns."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Mandatory columns of 1.2 that are not there."""
        return tuple(
            name for name, column in COLUMNS.items() if column.presence == "mandatory" and name not in self.theirs
        )


def find_header(names: Sequence[str], path: Path) -> Header:
    """The FOCUS columns among those of a file, whatever their case and underscores.

    Raises:
        TraceError: it is not a FOCUS export, or lacks columns without which nothing can be said: all of them are named.
    """
    known = {_key(name): name for name in (*COLUMNS, *EXTRA)}
    later = {_key(name): ours for name, ours in LATER.items()}
    theirs: dict[str, str] = {}
    twice = []
    for name in names:
        ours = known.get(_key(name))
        if ours in theirs:
            twice.append(f"{name!r} is there twice")
        elif ours:
            theirs[ours] = name
    for name in names:
        ours = later.get(_key(name))
        if ours and ours not in theirs:
            theirs[ours] = name
    gone = [name for name in NEEDED if name not in theirs]
    if gone or twice:
        raise TraceError(_refusal(path, names, gone, twice))
    all_known = {_key(name) for name in (*COLUMNS, *OF_1_3)}
    strangers = [name for name in names if _key(name) not in all_known and not name.lower().startswith("x_")]
    respelled = [name for ours, name in theirs.items() if ours != name]
    return Header(theirs, tuple(respelled), tuple(strangers), _version(names))


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _version(names: Iterable[str]) -> Literal["1.0", "1.1", "1.2", "1.3"]:
    there = {_key(name) for name in names}
    if any(_key(name) in there for name in OF_1_3):
        return "1.3"
    if any(_key(name) in there for name in OF_1_2):
        return "1.2"
    return "1.1" if any(_key(name) in there for name in OF_1_1) else "1.0"


_EXPORTS = (
    "export the bill in the format FOCUS 1.0 to 1.3: Data Exports of AWS, exports of Azure's Cost Management, the "
    "FOCUS view of Google Cloud's billing export"
)


def _refusal(path: Path, names: Sequence[str], gone: list[str], twice: list[str]) -> str:
    has = columns_said(names)
    if len(gone) == len(NEEDED):
        return f"{path}: no FOCUS export: none of {', '.join(gone)} is a column; {has}; {_EXPORTS}"
    faults = [f"no column {name!r}{did_you_mean(name, names)}" for name in gone] + twice
    return f"{path}: {'; '.join(faults)}; {has}; export it with the mandatory columns of FOCUS"
