"""What Google prices apart: of which SKUs, and of which rows of other lists, a machine type is made."""

from collections.abc import Iterable
from dataclasses import dataclass

from simcost.catalog.facts import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Machine types with accelerators of one kind."""

    instance: str
    """As descriptions of SKUs name it, before Core and Ram."""
    gpus: tuple[str, ...]
    """The same of its accelerators."""
    accelerator: str
    """As SkyPilot's catalog names them."""


_A3 = Family(instance="a3", gpus=("nvidia h100 80gb",), accelerator="H100")
_A2 = Family(instance="a2", gpus=("nvidia tesla a100",), accelerator="A100")
FAMILIES = {
    "a2-highgpu": _A2,
    "a2-megagpu": _A2,
    "a2-ultragpu": Family(instance="a2", gpus=("nvidia tesla a100 80gb",), accelerator="A100-80GB"),
    "a3-highgpu": _A3,
    "a3-edgegpu": _A3,
    "a3-megagpu": Family(
        instance="a3plus",
        gpus=("nvidia h100 80gb mega", "nvidia h100 80gb plus", "nvidia h100 mega 80gb"),
        accelerator="H100-MEGA",
    ),
    "a3-ultragpu": Family(instance="a3ultra", gpus=("nvidia h200 141gb",), accelerator="H200"),
    "a4-highgpu": Family(instance="a4", gpus=("nvidia b200",), accelerator="B200"),
    "g2-standard": Family(instance="g2", gpus=("nvidia l4",), accelerator="L4"),
}


def family(sku: str) -> Family | None:
    """The family of a machine type such as `a3-highgpu-8g`; None = sold without accelerators."""
    return FAMILIES.get("-".join(sku.lower().split("-")[:2]))


def machines(of: Iterable[Machine]) -> list[tuple[Machine, Family]]:
    """The machine types of Google that have a family."""
    found = [(machine, family(machine.sku)) for machine in of if machine.provider == "gcp"]
    return [(machine, its) for machine, its in found if its is not None]
