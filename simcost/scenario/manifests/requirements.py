"""Requirements of a Karpenter NodePool on the labels of nodes, and the instance types of the catalog that meet them.

Semantics: kubernetes-sigs/karpenter pkg/scheduling/requirement.go; labels of the providers of AWS, Azure and GCP.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simcost.catalog.facts import Offer
from simcost.scenario.manifests.fields import Fields

TYPE, CAPACITY, ZONE = (
    "node.kubernetes.io/instance-type",
    "karpenter.sh/capacity-type",
    "topology.kubernetes.io/zone",
)
_CAPACITIES = ("reserved", "spot", "on-demand")
_BOUNDS = ("Gt", "Gte", "Lt", "Lte")
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", *_BOUNDS)
_FAMILY = re.compile(r"([a-z]+)(\d+)")
_PROVIDERS = {
    "aws": ("karpenter.k8s.aws/instance-", "eks.amazonaws.com/instance-"),
    "gcp": ("karpenter.k8s.gcp/instance-",),
    "azure": ("karpenter.azure.com/sku-",),
}
"""Beginnings of the labels that the provider of each cloud gives its nodes."""
_OLD = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": TYPE,
    "failure-domain.beta.kubernetes.io/zone": ZONE,
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
_MIB = 2**20
_NEURON = ("inferentia", "trainium")
_TPU = "tpu"


@dataclass(frozen=True, slots=True)
class Requirement:
    """Required values of a label of nodes."""

    key: str
    operator: str
    values: tuple[str, ...]
    fields: Fields

    def admits(self, value: str | None) -> bool:
        """True if a node with this value meets it; None = the node has no such label."""
        if self.operator in ("NotIn", "DoesNotExist"):
            return value is None or (self.operator == "NotIn" and value not in self.values)
        if value is None:
            return False
        if self.operator in _BOUNDS:
            return value.isdecimal() and self._bounds(int(value), int(self.values[0]))
        return self.operator == "Exists" or value in self.values

    def _bounds(self, value: int, bound: int) -> bool:
        if self.operator.startswith("G"):
            return value > bound or (self.operator == "Gte" and value == bound)
        return value < bound or (self.operator == "Lte" and value == bound)

    def __str__(self) -> str:
        return f"{self.key} {self.operator} {', '.join(self.values)}".rstrip()


def read_requirements(entries: Sequence[Fields]) -> list[Requirement]:
    """The requirements that can be read; what is wrong with the others is a fault of theirs."""
    return [found for entry in entries if (found := _requirement(entry)) is not None]


def _requirement(entry: Fields) -> Requirement | None:
    key, operator = entry.text("key", required=True), entry.choice("operator", OPERATORS, required=True)
    values = tuple(entry.words("values"))
    if key is None or operator is None:
        return None
    if operator in _BOUNDS and (len(values) != 1 or not values[0].isdecimal()):
        entry.fault(f"needs one whole number for {operator}", "values")
        return None
    if operator in ("In", "NotIn") and not values:
        entry.fault(f"is needed for {operator}, and has no value", "values")
        return None
    return Requirement(_OLD.get(key, key), operator, values, entry)


def meeting(requirements: Sequence[Requirement], offers: Sequence[Offer]) -> list[str]:
    """The instance types with accelerators that meet all; what no fact of the catalog answers counts as met."""
    found = set()
    for offer in offers:
        labels = labels_of(offer)
        if all(
            requirement.admits(labels.get(requirement.key))
            for requirement in requirements
            if _answered(requirement.key)
        ):
            found.add(offer.sku)
    return sorted(found)


def unanswered(requirements: Sequence[Requirement]) -> list[str]:
    """Labels that the catalog knows nothing of."""
    own = (CAPACITY, ZONE)
    return [
        requirement.key for requirement in requirements if requirement.key not in own and not _answered(requirement.key)
    ]


def excluding(requirements: Sequence[Requirement], offers: Sequence[Offer]) -> Requirement | None:
    """The first requirement that no instance type meets by itself."""
    return next((requirement for requirement in requirements if not meeting([requirement], offers)), None)


def _answered(key: str) -> bool:
    return key in _ANSWERED


def labels_of(offer: Offer) -> dict[str, str]:
    """Labels of a node of an offer, as far as the catalog knows them."""
    labels = {TYPE: offer.sku, "kubernetes.io/os": "linux", "kubernetes.io/arch": _architecture(offer)}
    if offer.region != "any":
        labels["topology.kubernetes.io/region"] = offer.region
    for prefix in _PROVIDERS.get(offer.provider, ()):
        labels |= {prefix + name: value for name, value in _details(offer).items()}
    return labels


def _details(offer: Offer) -> dict[str, str]:
    """Labels of a cloud: names of AWS, of which Azure and GCP have some."""
    family, _, size = offer.sku.partition("." if offer.provider == "aws" else "-")
    result = {"family": family, "size": size, "name": offer.sku}
    if (match := _FAMILY.match(family)) is not None:
        result |= {"category": match[1], "generation": match[2]}
    if offer.vcpus is not None:
        result["cpu"] = str(offer.vcpus)
    if offer.memory_bytes is not None:
        result["memory"] = str(int(offer.memory_bytes / _MIB))
    name = offer.accelerator if offer.accelerator.startswith("rtx") else offer.accelerator.partition("-")[0]
    if offer.accelerator.startswith(_NEURON):
        return result | {
            "accelerator-count": str(offer.accelerators),
            "accelerator-manufacturer": "aws",
            "accelerator-name": name.rstrip("0123456789"),
        }
    if offer.accelerator and not offer.accelerator.startswith(_TPU):
        maker = "amd" if offer.accelerator.startswith("mi") else "nvidia"
        result |= {"gpu-count": str(offer.accelerators), "gpu-manufacturer": maker}
        result["gpu-name"] = name.upper() if offer.provider == "azure" else name
    return result


def _architecture(offer: Offer) -> str:
    arm = offer.sku.startswith(("g5g.", "p6e-gb", "a4x-", "gb200", "gb300")) or "gh200" in offer.sku.lower()
    return "arm64" if arm else "amd64"


_ANSWERED = frozenset(
    {TYPE, "kubernetes.io/os", "kubernetes.io/arch", "topology.kubernetes.io/region"}
    | {
        prefix + name
        for prefixes in _PROVIDERS.values()
        for prefix in prefixes
        for name in (
            "family",
            "size",
            "name",
            "category",
            "generation",
            "cpu",
            "memory",
            "accelerator-count",
            "accelerator-manufacturer",
            "accelerator-name",
            "gpu-count",
            "gpu-manufacturer",
            "gpu-name",
        )
    }
)
"""Labels that the catalog has facts for."""


def capacities(requirements: Sequence[Requirement]) -> tuple[str, ...]:
    """The capacity types that are left; on demand where nothing is said, as in Karpenter."""
    asked = [requirement for requirement in requirements if requirement.key == CAPACITY]
    for one in asked:
        unknown = [value for value in one.values if value not in _CAPACITIES]
        if one.operator in ("In", "NotIn") and unknown:
            one.fields.fault(f"{unknown[0]!r} is not one of {', '.join(_CAPACITIES)}", "values")
    if not asked:
        return ("on-demand",)
    left = tuple(name for name in _CAPACITIES if all(one.admits(name) for one in asked))
    if not left and not asked[0].fields.reading.faults:
        asked[-1].fields.fault("no capacity type meets all requirements", "values")
    return left


def zones(requirements: Sequence[Requirement]) -> tuple[str, ...]:
    """The zones that are left; empty = all."""
    named = [
        requirement.values for requirement in requirements if requirement.key == ZONE and requirement.operator == "In"
    ]
    others = [requirement for requirement in requirements if requirement.key == ZONE and requirement.operator != "In"]
    if not named:
        return ()
    return tuple(
        zone for zone in named[0] if all(zone in more for more in named) and all(other.admits(zone) for other in others)
    )
