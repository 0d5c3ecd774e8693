"""`simcost advise`: of a scenario or its results by simulation, of recorded utilisation by what was measured."""

from typing import Any

from simcost.errors import InputError
from simcost.studies.advising import command
from simcost.studies.options import Arguments, offer_of, sourced


def add(verbs: Any) -> None:
    """The verb `advise`."""
    command.add(verbs, _recorded)


def _recorded(arguments: Arguments) -> object:
    """Advice on hardware whose use was recorded."""
    from simcost.billing.price_list import offer_prices
    from simcost.studies.waste.recorded_advice import recorded_advice
    from simcost.studies.waste.study import waste

    for option in ("plan", "spot_interruptions", "out", "seeds", "data", "seed"):
        if getattr(arguments, option) is not None:
            raise InputError(f"--{option.replace('_', '-')} is for scenarios; {arguments.file} is recorded utilisation")
    if "slo" in arguments.fail_on:
        raise InputError(f"--fail-on slo needs a scenario; {arguments.file} shows use, not latency")
    offer = offer_of(arguments)
    found = waste(
        arguments.file,
        price_usd_per_h=arguments.price,
        offer=offer,
        mapping=dict(arguments.map),
        where=arguments.where,
    )
    prices = [] if offer is None else offer_prices(offer)
    arguments.view = "waste.recorded_advice_view"
    return sourced(arguments, recorded_advice(found), found.findings, prices=prices)
