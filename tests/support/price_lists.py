"""Small price lists in the formats of their providers, the traps among their rows."""

import json
from pathlib import Path
from typing import Any

from simcost.catalog import load_catalog
from simcost.catalog.facts import CommitmentRate, Offer
from simcost.catalog.prices.importer import Imported, import_prices

CATALOG = load_catalog()


def imported(folder: Path, text: str, format_: str, **options: Any) -> Imported:
    """The text as a file of that format, imported."""
    file = folder / "list.txt"
    file.write_text(text, encoding="utf-8")
    return import_prices(file, format_, options.pop("catalog", CATALOG), **options)


def found(result: Imported) -> dict[str, int]:
    """How often each kind of finding was made."""
    return {finding["kind"]: finding["count"] for finding in result.findings.document()}


def places(result: Imported, kind: str) -> list[str]:
    """The first places of a kind of finding."""
    by_kind = {finding["kind"]: finding["places"] for finding in result.findings.document()}
    return [place["place"] for place in by_kind[kind]]


def offers(result: Imported) -> dict[tuple[str, str], Offer]:
    """The offers by sku and region."""
    rows = result.rows.get("offers", [])
    return {(row.sku, row.region): row for row in rows if isinstance(row, Offer)}


def rates(result: Imported) -> dict[tuple[str, str, float, str], CommitmentRate]:
    """The rates by instrument, sku, years and upfront."""
    rows = [row for row in result.rows.get("commitment_rates", []) if isinstance(row, CommitmentRate)]
    return {(row.instrument, row.sku, row.term_years, row.upfront): row for row in rows}


def aws_product(sku: str, **changes: str) -> dict[str, Any]:
    attributes = {
        "servicecode": "AmazonEC2",
        "locationType": "AWS Region",
        "instanceType": "p5.48xlarge",
        "vcpu": "192",
        "memory": "2,048 GiB",
        "tenancy": "Shared",
        "operatingSystem": "Linux",
        "gpu": "8",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
        "preInstalledSw": "NA",
        "marketoption": "OnDemand",
        "regionCode": "us-east-1",
        "usagetype": "BoxUsage:p5.48xlarge",
    }
    family = changes.pop("productFamily", "Compute Instance")
    return {"sku": sku, "productFamily": family, "attributes": {**attributes, **changes}}


def aws_on_demand(sku: str, usd: object, currency: str = "USD") -> dict[str, Any]:
    dimension = {"unit": "Hrs", "pricePerUnit": {currency: usd}, "beginRange": "0", "endRange": "Inf"}
    return {f"{sku}.JRTCKXETXF": {"sku": sku, "priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": dimension}}}


def aws_reserved(sku: str, years: int, option: str, upfront: float, hourly: float, offering: str = "standard") -> Any:
    code = f"{sku}.HU7G6KETJZ"
    dimensions = {f"{code}.6YS6EN2CT7": {"unit": "Hrs", "pricePerUnit": {"USD": f"{hourly:.10f}"}}}
    if upfront:
        dimensions[f"{code}.2TG2D8R56U"] = {"unit": "Quantity", "pricePerUnit": {"USD": f"{upfront:.0f}"}}
    attributes = {"LeaseContractLength": f"{years}yr", "OfferingClass": offering, "PurchaseOption": option}
    return {code: {"sku": sku, "priceDimensions": dimensions, "termAttributes": attributes}}


def aws_list(products: list[dict[str, Any]], on_demand: dict[str, Any], reserved: dict[str, Any] | None = None) -> str:
    return json.dumps(
        {
            "formatVersion": "v1.0",
            "offerCode": "AmazonEC2",
            "version": "20260720",
            "publicationDate": "2026-07-20",
            "products": {product["sku"]: product for product in products},
            "terms": {"OnDemand": on_demand, "Reserved": reserved or {}},
        },
        indent=2,
    )


def aws_rate(machine: str, usd: str, usage: str = "BoxUsage", operation: str = "RunInstances", **changes: str) -> Any:
    return {
        "discountedSku": "22CU75SME3BFPJU8",
        "discountedUsageType": f"{usage}:{machine}",
        "discountedOperation": operation,
        "discountedServiceCode": "AmazonEC2",
        "unit": "Hrs",
        "discountedRate": {"price": usd, "currency": "USD"},
        "discountedRegionCode": "us-east-1",
        "discountedInstanceType": machine,
        **changes,
    }


def aws_plans(*terms: tuple[str, int, list[Any]]) -> str:
    return json.dumps(
        {
            "version": "20260721",
            "publicationDate": "2026-07-21T21:58:42Z",
            "products": [{"sku": "8GU23DFTKP2N43SD"}],
            "terms": {
                "savingsPlan": [
                    {
                        "sku": "8GU23DFTKP2N43SD",
                        "description": description,
                        "leaseContractLength": {"duration": years, "unit": "year"},
                        "rates": rates_,
                    }
                    for description, years, rates_ in terms
                ]
            },
        }
    )


def azure_item(**changes: object) -> dict[str, object]:
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": 98.32,
        "unitPrice": 98.32,
        "armRegionName": "eastus",
        "effectiveStartDate": "2023-08-01T00:00:00Z",
        "meterName": "ND96isr H100 v5",
        "productName": "Virtual Machines NDsr H100 v5 Series",
        "skuName": "ND96isr H100 v5",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "armSkuName": "Standard_ND96isr_H100_v5",
        **changes,
    }


def azure_page(*items: object, next_page: str | None = None) -> str:
    return json.dumps({"BillingCurrency": "USD", "Items": list(items), "NextPageLink": next_page, "Count": len(items)})


def gcp_sku(description: str, usd: float, usage: str = "OnDemand", unit: str = "h", *regions: str, **money: Any) -> Any:
    price = {"currencyCode": "USD", "units": str(int(usd)), "nanos": round(usd % 1 * 1e9), **money}
    return {
        "name": "services/6F81-5844-456A/skus/X",
        "skuId": "X",
        "description": description,
        "category": {"serviceDisplayName": "Compute Engine", "resourceFamily": "Compute", "usageType": usage},
        "serviceRegions": list(regions or ("us-central1",)),
        "pricingInfo": [
            {
                "effectiveTime": "2026-08-02T22:56:00.158911Z",
                "pricingExpression": {
                    "usageUnit": unit,
                    "tieredRates": [{"startUsageAmount": 0, "unitPrice": price}],
                },
            }
        ],
    }


SKYPILOT = (
    "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,SpotPrice\n"
)
GPUHUNT = "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size\n"
