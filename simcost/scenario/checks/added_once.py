"""A plan that was found is added to a scenario once: plans are the same where all that they resolve to is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from simcost.catalog import Catalog
from simcost.errors import FaultsError, SimcostError
from simcost.scenario.checks.load import load_text
from simcost.scenario.files.added_plan import add_plan
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario
from simcost.scenario.schema.scenario import Plan


def add_plan_once(text: str, plan: Mapping[str, Any], file: Path) -> tuple[str, int]:
    """The text with one plan more, and its index; as it is, and the index of the same plan, where it has that.

    Plans are the same if they differ in nothing but the name once defaults, other names of hardware and the region of
    an offer are filled in. A text with faults is compared by its written fields alone.

    Args:
        text: of the scenario; its comments and other lines stay.
        plan: with all its fields, as a scenario has them.
        file: of the scenario, beside which its traces and own facts lie.

    Raises:
        InputError: the text is not a scenario, or its plans cannot be added to.
    """
    edited, index = add_plan(text, plan)
    if edited == text:
        return text, index
    try:
        loaded = load_text(edited, file)
    except (FaultsError, OSError):
        return edited, index
    added = _resolved(loaded, index)
    same = next((i for i in range(index) if _resolved(loaded, i) == added), None)
    return (edited, index) if same is None else (text, same)


def _resolved(loaded: AnyScenario, index: int) -> tuple[Any, ...]:
    """All of a plan but its name: of several services the part of each, and how they hang together."""
    if isinstance(loaded, LoadedScenario):
        return (_unnamed(loaded.scenario.plans[index], loaded.catalog),)
    name = loaded.first.scenario.plans[index].name
    parts = [*loaded.services.items(), *([] if loaded.jobs is None else [("", loaded.jobs)])]
    return (
        *((service, _unnamed(one.scenario.plans[index], one.catalog)) for service, one in parts),
        {service: one for (plan, service), one in loaded.sharing.items() if plan == name},
        {service: one for (plan, service), one in loaded.forwarding.items() if plan == name},
    )


def _unnamed(plan: Plan, catalog: Catalog) -> Plan:
    """The plan without its name, with the catalog's names of its hardware and its offer."""
    replica = plan.replica
    if replica is not None and replica.accelerator is not None:
        replica = replace(replica, accelerator=_catalog_name(replica.accelerator, catalog))
    bought: Any = plan.buy
    if getattr(bought, "offer", None):
        try:
            offer = catalog.offer(bought.offer, bought.region)
            bought = replace(bought, offer=offer.name, region=offer.region)
        except SimcostError:
            pass  # one of its own, which no other name has
    return replace(plan, name="", replica=replica, buy=bought)


def _catalog_name(accelerator: str, catalog: Catalog) -> str:
    try:
        return catalog.accelerator(accelerator).name
    except SimcostError:
        return accelerator
