"""Processors in place of accelerators: instances that have none, and replicas that need none."""

from math import ceil, nan

from simcost.catalog.facts import Accelerator, Offer

CPU = Accelerator(
    name="cpu",
    vendor="",
    memory_bytes=nan,
    memory_bytes_per_s=nan,
    bf16_flops=nan,
    source="vcpus and memory of the replica; its step time is given",
    as_of="2026-11-27",
    quality="A",
)
"""Stands for no accelerator: how long a step takes on processors is not known here."""


def parts_of(offer: Offer) -> int:
    """Parts of an instance that replicas take: its accelerators, or its vCPUs where it has none."""
    return offer.accelerators or offer.vcpus or 0


def whole_nodes_usd_per_h(offer: Offer, parts: int) -> float:
    """On-demand price per hour of the whole instances that hold so many accelerators.

    >>> from simcost.catalog import load_catalog
    >>> catalog = load_catalog()
    >>> [round(whole_nodes_usd_per_h(catalog.offer(f"aws/{name}"), 1), 2) for name in ("p5.4xlarge", "p5.48xlarge")]
    [6.88, 55.04]
    """
    return ceil(parts / parts_of(offer)) * offer.on_demand_usd_per_h


def replicas_on(offer: Offer, parts: int, memory_bytes: float | None) -> int:
    """Replicas that fit on an instance, each of so many parts and, where given, so much of its memory.

    >>> from simcost.catalog import load_catalog
    >>> offer = load_catalog().offer("aws/c7i.2xlarge")  # 8 vCPUs, 16 GiB
    >>> replicas_on(offer, 2, None), replicas_on(offer, 2, 6 * 2**30)
    (4, 2)
    """
    fitting = parts_of(offer) // parts
    return fitting if memory_bytes is None else min(fitting, int((offer.memory_bytes or 0.0) // memory_bytes))
