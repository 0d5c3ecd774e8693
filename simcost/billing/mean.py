"""One bill of several replications of a run: the mean of their hourly books, line by line."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import fsum
from typing import Any

import numpy as np

from simcost.billing.bill import Bill, Charge
from simcost.billing.books import compute_charges
from simcost.billing.commitment.bound import CommitmentUse, Floats
from simcost.billing.metering import Ints, Metered, UsageIntervals
from simcost.billing.settlement import Settlement

_AMOUNTS = (
    "consumed_quantity",
    "list_cost_usd",
    "contracted_cost_usd",
    "effective_cost_usd",
    "billed_cost_usd",
    "discount_usd",
)


def mean_bill(bills: Sequence[Bill]) -> Bill:
    """The mean of bills of the same lines and commitments, whose costs are the means of theirs.

    Each is settled by itself first: what a commitment covers of the mean usage is not the mean of what it covers.
    """
    if len(bills) == 1:
        return bills[0]
    settled = _mean_settlement([bill.settlement for bill in bills])
    volumes = [charge for bill in bills for charge in bill.charges if charge.service != "compute"]
    return Bill(
        charges=(*compute_charges(settled), *_mean_charges(volumes, len(bills))),
        compute_by_state_usd={},
        horizon_s=settled.end_s - settled.start_s,
        notes=tuple(dict.fromkeys(note for bill in bills for note in bill.notes)),
        settlement=settled,
    )


def _mean_settlement(settled: Sequence[Settlement]) -> Settlement:
    return Settlement(
        account=_mean_account([settlement.account for settlement in settled]),
        bought=tuple(map(_mean_bought, zip(*(settlement.bought for settlement in settled), strict=True))),
        rest_h=_mean([settlement.rest_h for settlement in settled]),
        rest_usd=_mean([settlement.rest_usd for settlement in settled]),
    )


def _mean_account(accounts: Sequence[Metered]) -> Metered:
    first = accounts[0]
    varying = [account.varying_usd for account in accounts if account.varying_usd is not None]

    def joined(column: Callable[[UsageIntervals], Floats | Ints | None]) -> Any:
        return np.concatenate([column(account.runs) for account in accounts])

    return replace(
        first,
        length_h=_mean([account.length_h for account in accounts]),
        hours=_mean([account.hours for account in accounts]),
        varying_usd=_mean(varying) if varying else None,
        runs=UsageIntervals(
            start_s=joined(lambda runs: runs.start_s),
            end_s=joined(lambda runs: runs.end_s),
            line=joined(lambda runs: runs.line),
            units=joined(lambda runs: runs.units) / len(accounts),
            price_usd=joined(lambda runs: runs.price_usd) if varying else None,
        ),
    )


def _mean_bought(same: Sequence[CommitmentUse]) -> CommitmentUse:
    """One commitment over the replications."""

    def by_line(covered: Sequence[dict[int, Floats]]) -> dict[int, Floats]:
        lines = sorted({line for amounts in covered for line in amounts})
        return {line: _mean([amounts.get(line, np.zeros(1)) for amounts in covered]) for line in lines}

    return CommitmentUse(
        bound=same[0].bound,
        one_time_usd=_mean([use.one_time_usd for use in same]),
        recurring_usd=_mean([use.recurring_usd for use in same]),
        committed_usd=_mean([use.committed_usd for use in same]),
        unused_usd=_mean([use.unused_usd for use in same]),
        covered_h=by_line([use.covered_h for use in same]),
        covered_usd=by_line([use.covered_usd for use in same]),
        otherwise_usd=fsum(use.otherwise_usd for use in same) / len(same),
    )


def _mean(arrays: Sequence[Floats]) -> Floats:
    """The mean hour by hour; what ends earlier has nothing in the hours after."""
    total = np.zeros((max(map(len, arrays)), *arrays[0].shape[1:]))
    for array in arrays:
        total[: len(array)] += array
    mean: Floats = total / len(arrays)
    return mean


def _mean_charges(charges: Sequence[Charge], count: int) -> list[Charge]:
    """Charges of the same thing as one; its unit price is the mean one, since tiers fill differently."""
    groups: dict[tuple[Any, ...], list[Charge]] = {}
    for charge in charges:
        what = (
            charge.service,
            charge.provider,
            charge.sku,
            charge.region,
            charge.tags,
            charge.consumed_unit,
            charge.contract,
        )
        key = *what, charge.charge_period_start_s
        groups.setdefault(key, []).append(charge)
    result = []
    for same in groups.values():
        mean: dict[str, Any] = {name: fsum(getattr(charge, name) for charge in same) / count for name in _AMOUNTS}
        quantity = mean["consumed_quantity"]
        result.append(
            replace(
                same[0],
                **mean,
                charge_period_end_s=max(charge.charge_period_end_s for charge in same),
                list_unit_price_usd=mean["list_cost_usd"] / quantity if quantity else same[0].list_unit_price_usd,
            )
        )
    return result
