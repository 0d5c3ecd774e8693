"""Commitments: capacity or spend bought in advance, each kind with its schema, rules and money in one class."""

from typing import Annotated

from simcost.billing.commitment.aws import CapacityBlock, CapacityReservation, ReservedInstances, SavingsPlan
from simcost.billing.commitment.azure import AzureReservation, AzureSavingsPlan
from simcost.billing.commitment.fixed_term import TakeOrPay
from simcost.billing.commitment.gcp import FlexibleCud, ResourceCud
from simcost.units import ByKind

Commitment = Annotated[
    ReservedInstances
    | SavingsPlan
    | CapacityReservation
    | CapacityBlock
    | AzureReservation
    | AzureSavingsPlan
    | ResourceCud
    | FlexibleCud
    | TakeOrPay,
    ByKind(),
]

__all__ = [
    "AzureReservation",
    "AzureSavingsPlan",
    "CapacityBlock",
    "CapacityReservation",
    "Commitment",
    "FlexibleCud",
    "ReservedInstances",
    "ResourceCud",
    "SavingsPlan",
    "TakeOrPay",
]
