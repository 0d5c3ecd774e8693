"""Tables of SkyPilot's catalog (`vms.csv` of one provider) and of gpuhunt (`PROVIDER.csv`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from re import fullmatch
from typing import Any, Literal

from simcost.catalog.prices.gcp import family
from simcost.catalog.prices.quote import GIB, ImportContext, Part, Quote, csv_rows, number, size_bytes, whole

_WAYS: tuple[tuple[str, Literal["on-demand", "spot"]], ...] = (("Price", "on-demand"), ("SpotPrice", "spot"))
_NEEDED = (
    "InstanceType",
    "AcceleratorName",
    "AcceleratorCount",
    "vCPUs",
    "MemoryGiB",
    "Price",
    "SpotPrice",
    "Region",
)
_TPUS = {"v5litepod": "tpu-v5e", "v6e": "tpu-v6e"}  # whose names count chips; others count cores
_LEAST_MIB = 1024.0  # a device with less memory is one whose size is in GB
_GIB_PER_VCPU = (0.1, 128.0)  # no cloud sells machines beyond


def read(file: Path, reading: ImportContext) -> Iterator[Quote]:
    """Both prices of each row. Google's hosts and accelerators stand in rows of their own there."""
    example = "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,Price,SpotPrice"
    for location, row in csv_rows(file, _NEEDED, example):
        reading.rows += 1
        name, count = row["AcceleratorName"], whole(row["AcceleratorCount"])
        part, sku = _part(row, reading.provider)
        if tpu := fullmatch(r"tpu-(v5litepod|v6e)-(\d+)", name):
            name, count = _TPUS[tpu[1]], whole(tpu[2])
        device_gb = _device_gb(row.get("GpuInfo", ""), location, reading)
        for column, way in _WAYS:
            if not row[column]:
                if way == "on-demand":
                    reading.findings.add("no-price", location, f"{sku}: {column} is empty")
                continue
            yield Quote(
                place=location,
                provider=reading.provider,
                sku=sku,
                region=row["Region"],
                way=way,
                part=part,
                price_per_h=number(row[column]),
                accelerator=name,
                accelerators=count if name else 0,
                device_gb=device_gb,
                **_host(row["vCPUs"], row["MemoryGiB"], GIB, location, reading),
            )


def _part(row: dict[str, str], provider: str) -> tuple[Part, str]:
    name, sku = row["AcceleratorName"], row["InstanceType"]
    if provider == "gcp" and not sku and name.startswith("tpu-"):
        return "", name.removeprefix("tpu-") if "v5litepod" in name else name
    if provider == "gcp" and not sku:
        return "accelerator", f"{whole(row['AcceleratorCount']) or row['AcceleratorCount']} x {name}"
    return "host" if provider == "gcp" and not name and family(sku) else "", sku


def _device_gb(info: str, location: str, reading: ImportContext) -> float | None:
    """Memory per accelerator in the JSON of the column GpuInfo, which some providers fill with a bare name."""
    if not info.startswith("{"):
        return None
    try:
        text = info if '"' in info else info.replace("'", '"')
        mib = number(json.loads(text)["Gpus"][0]["MemoryInfo"]["SizeInMiB"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    if 0 < mib < _LEAST_MIB:
        reading.findings.add("memory-unit", location, f"SizeInMiB is {mib:g}: read as GB")
        return mib
    return mib * 2.0**20 / 1e9 if mib > 0 else None


def _host(vcpus: str, memory: str, unit_bytes: float, location: str, reading: ImportContext) -> dict[str, Any]:
    """Cores and memory of the machine; a memory size that no machine has is left out."""
    cores, size = whole(vcpus), size_bytes(memory, unit_bytes)
    if cores and size and not _GIB_PER_VCPU[0] <= size / GIB / cores <= _GIB_PER_VCPU[1]:
        reading.findings.add("memory-unit", location, f"{memory} for {cores} vCPU: left empty")
        size = None
    return {"vcpus": cores, "memory_bytes": size}


def read_gpuhunt(file: Path, reading: ImportContext) -> Iterator[Quote]:
    """One price of each row; gpuhunt's locations are zones at Google."""
    needed = (
        "instance_name",
        "location",
        "price",
        "cpu",
        "memory",
        "gpu_count",
        "gpu_name",
        "gpu_memory",
        "spot",
    )
    for location, row in csv_rows(file, needed, ",".join(needed)):
        reading.rows += 1
        provider = row.get("provider", "").lower() or reading.provider
        count = whole(row["gpu_count"]) or 0
        sku = row["instance_name"]
        if count and provider == "gcp" and sku.startswith("n1-"):
            reading.findings.add("attached-accelerator", location, f"{sku} with {count} x {row['gpu_name']}")
            continue
        zone = fullmatch(r"(.+\d)-[a-z]", row["location"]) if provider == "gcp" else None
        yield Quote(
            place=location,
            provider=provider,
            sku=sku,
            region=zone[1] if zone else row["location"],
            way="spot" if row["spot"].lower() == "true" else "on-demand",
            price_per_h=number(row["price"]),
            accelerator=row["gpu_name"] if count else "",
            accelerators=count,
            device_gb=size_bytes(row["gpu_memory"], 1.0),
            **_host(row["cpu"], row["memory"], GIB, location, reading),
        )
