"""Prefill and decode apart, as a result shows them: the replica-hours of each side, and the transfers between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from simcost.ledger.requests import Ledger, TransferUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Replica-hours of both sides by state, and the transfers."""

    prefill_replica_hours: dict[str, float]
    decode_replica_hours: dict[str, float]
    transfers: TransferUse

    @classmethod
    def of(cls, ledger: Ledger) -> Sides | None:
        """Sides of a run; None where prefill and decode are not apart."""
        if ledger.prefill is None or ledger.transfers is None:
            return None
        return cls(
            prefill_replica_hours=ledger.prefill.replica_hours(),
            decode_replica_hours=ledger.replica_hours(),
            transfers=ledger.transfers,
        )


def added(hours: Sequence[dict[str, float]]) -> dict[str, float]:
    """Sums by key."""
    return {name: fsum(hour[name] for hour in hours) for name in hours[0]}
