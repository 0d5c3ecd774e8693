"""Commitments that no bill of a plan can settle: known before the run, since they depend on its purchases alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simcost.billing import Buy, OnDemand, Spot
from simcost.catalog import Catalog
from simcost.errors import Fault, InputError
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.schema.scenario import Plan

_START_H = 1e-6
"""Hours that a run lasts at least."""


def commitment_faults(node: YamlNode, plan: Plan | None, catalog: Catalog, file: str) -> Iterator[Fault]:
    """Commitments of a plan of one pool without a price, with a term that has ended, or for other usage; a plan that is
    None has other faults already.
    """
    if plan is None:
        return
    apart, place = plan.disaggregation, node.get("disaggregation")
    prefill = None if apart is None else apart.buy
    options = [option for option in (plan.buy, *plan.or_buy, prefill) if option is not None]
    yield from _unsettled(node.get("buy"), plan.buy, options, catalog, file)
    for other, option in zip(items(node.get("or_buy")), plan.or_buy, strict=True):
        yield from _unsettled(other, option, options, catalog, file)
    if prefill is not None and place is not None:
        yield from _unsettled(place.get("buy"), prefill, options, catalog, file)
    if plan.training_buy is not None:
        yield from _unsettled(node.get("training_buy"), plan.training_buy, [plan.training_buy], catalog, file)


def _unsettled(
    place: YamlNode | None, buy: Buy, options: Sequence[Buy], catalog: Catalog, file: str
) -> Iterator[Fault]:
    """Commitments of a purchase that an account with these options does not settle."""
    if place is None or not isinstance(buy, OnDemand) or not buy.commitments:
        return
    from simcost.billing.metering import idle_hour
    from simcost.billing.settlement import settle

    try:
        lines = [option.line(catalog) for option in options if isinstance(option, OnDemand | Spot)]
    except InputError:
        return  # said where the offer is named
    for commitment, at in zip(buy.commitments, items(place.get("commitments")), strict=True):
        try:
            settle(idle_hour(lines, _START_H), [commitment], buy.prices(catalog))
        except InputError as error:
            yield fault_at(at, str(error), file)
