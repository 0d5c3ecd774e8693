"""Commitments that may be bought in any amount, up to what they state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from simcost.billing.commitment import Commitment
from simcost.billing.commitment.aws import ReservedInstances, SavingsPlan
from simcost.billing.commitment.azure import AzureReservation, AzureSavingsPlan
from simcost.billing.commitment.base import HourlyPrice, Yearly
from simcost.billing.commitment.bound import Bound, CommitmentRates, CommittedUnits, Floats
from simcost.billing.commitment.gcp import FlexibleCud, ResourceCud
from simcost.billing.commitment.names import distinct
from simcost.errors import InputError

if TYPE_CHECKING:
    from simcost.billing.metering import Metered

Offered = ReservedInstances | SavingsPlan | AzureReservation | AzureSavingsPlan | ResourceCud | FlexibleCud
"""Commitments of which any amount can be bought."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Option:
    """A commitment that may be bought, from nothing to all of it."""

    bound: Bound
    whole: float | None
    """Units of one instance, where it is bought by instances; None = any amount."""

    @property
    def most(self) -> float:
        """Units, or USD an hour, of all of it."""
        return self.bound.units if isinstance(self.bound, CommittedUnits) else self.bound.usd_per_h

    @property
    def usd_per_unit_h(self) -> float:
        """Of a unit and hour."""
        return self.bound.usd_per_unit_h if isinstance(self.bound, CommittedUnits) else 1.0

    @property
    def draw(self) -> Floats:
        """[line] Units that an hour of each line takes."""
        return self.bound.takes if isinstance(self.bound, CommittedUnits) else self.bound.rates


def offered(commitments: Sequence[Commitment]) -> tuple[Offered, ...]:
    """Commitments as options, each from nothing to the amount it states, with names of their own.

    Raises:
        InputError: there are none, or one that cannot be bought in any amount.
    """
    found = []
    names = distinct([getattr(one, "name", "") or f"{one.kind} {i + 1}" for i, one in enumerate(commitments)])
    for i, commitment in enumerate(commitments):
        if not isinstance(commitment, Yearly):
            raise InputError(
                f"commitments.{i}: {commitment.kind} is bought as a whole; its amount cannot be optimised: compare "
                "purchasing plans with and without it by `simcost bill USAGE --plan A.yaml --plan B.yaml`"
            )
        found.append(replace(commitment, name=names[i], renewed=True))
    if not found:
        raise InputError("no `commitments` to choose from; list them, each with the most that you would buy")
    return tuple(found)


def options_of(offers: Sequence[Offered], account: Metered, rates: CommitmentRates) -> list[Option]:
    """Commitments as an account may take them. Raises CatalogError where no price of one is known."""
    found = []
    for offer in offers:
        bound = offer.bind(account, rates)
        whole = (
            bound.units / offer.count if isinstance(offer, HourlyPrice) and isinstance(bound, CommittedUnits) else None
        )
        found.append(Option(bound=bound, whole=whole))
    return found


def bought(options: Sequence[Offered], bound: Sequence[Option], amounts: Floats) -> list[Offered]:
    """The commitments in these amounts; nothing of one that is 0."""
    found: list[Offered] = []
    for one, option, amount in zip(options, bound, amounts, strict=True):
        if amount <= 1e-9:
            continue
        if isinstance(one, HourlyPrice):
            found.append(replace(one, count=round(amount / (option.whole or 1.0))))
        else:
            found.append(replace(one, commitment=round(one.commitment * float(amount) / option.most, 6)))
    return found


def written(one: Offered) -> dict[str, Any]:
    """A commitment as a plan writes it: the fields that differ from their defaults."""
    found: dict[str, Any] = {"kind": one.kind}
    for field in fields(one):
        value = getattr(one, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.name not in ("kind", "renewed") and value != default:
            found[field.name] = dict(value) if hasattr(value, "items") else value
    if one.renewed:
        found["renewed"] = True
    return found
