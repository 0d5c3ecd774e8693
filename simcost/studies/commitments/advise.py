"""From files to a question about commitments: usage, a plan with options, sample paths of a forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcost.billing.purchasing import Purchasing
from simcost.catalog import Catalog
from simcost.documents import FindingDocument
from simcost.errors import InputError
from simcost.scenario.inputs.purchasing import load_purchasing
from simcost.studies.commitments.demand import CommitmentDemand
from simcost.studies.commitments.result import CommitmentAdvice
from simcost.trace.usage.usage import HOURLY, KEY, UsageRows
from simcost.units import SECONDS_PER_HOUR, format_usd

if TYPE_CHECKING:
    from simcost.billing.metering import Metered


def advise(
    options: Path,
    *,
    usage: Path | None,
    paths: Path | None,
    mapping: dict[str, str],
    per_instance: float = 1.0,
    weight: float = 0.0,
    tail: float = 0.05,
    budget_usd_per_h: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> CommitmentAdvice:
    """Return the commitments to buy.

    Args:
        options: a purchasing plan whose commitments are the options, each with the most that may be bought.
        usage: what was used; None = only the paths are known.
        paths: sample paths of a forecast; None = the history is what may come.
        mapping: columns of the usage file that have other names.
        per_instance: how much of the quantity of the paths an instance does in an hour.
        weight: of the worst futures against all.
        tail: share of the futures that are the worst.
        budget_usd_per_h: most to be committed.
        progress: called with the work done.

    Raises:
        FaultsError: faults of the files, with their places.
        InputError: no demand, or options that do not suit it.
    """
    from simcost.billing.commitment.offered import offered
    from simcost.billing.price_list import line_prices, price_sentences
    from simcost.scenario.inputs.unusual_prices import unusual_of_bill
    from simcost.studies.commitments.optimizer import Aim
    from simcost.studies.commitments.study import CommitmentRequest, study

    plan, catalog = load_purchasing(options)
    choices = offered(plan.commitments)
    if plan.discount is not None:
        providers = {plan.provider} if plan.provider else {getattr(one, "provider", "") for one in plan.commitments}
        if len(providers) != 1:
            raise InputError(f"{options}: `discount` is of one provider: add `provider: NAME`")
        catalog = catalog.with_discount(providers.pop(), plan.discount)
    history, findings = (None, ()) if usage is None else _history(usage, mapping, plan, catalog)
    demand = history if paths is None else _forecast(paths, plan, catalog, per_instance, history)
    if demand is None:
        raise InputError("no demand: give a file of usage, or --paths with the sample paths of a forecast")
    if history is not None and paths is not None:
        findings = (*findings, *_not_forecast(history, demand))
    same = history if history is not None and history.lines == demand.lines else None
    request = CommitmentRequest(
        demand=demand,
        offered=choices,
        rates=catalog,
        aim=Aim(tail=tail, weight=weight, budget_usd_per_h=budget_usd_per_h),
    )
    prices = line_prices(demand.lines)
    advice = study(request, same, progress)
    said = (*advice.assumptions, *price_sentences(prices, catalog.as_of), *unusual_of_bill(prices, catalog))
    return replace(advice, assumptions=said, prices=prices, catalog_date=catalog.as_of, findings=findings)


def _history(
    usage: Path, mapping: Mapping[str, str], plan: Purchasing, catalog: Catalog
) -> tuple[CommitmentDemand, Sequence[FindingDocument]]:
    """Demand of a usage file, and findings on the file."""
    from simcost.billing.account import usage_account
    from simcost.studies.commitments.demand import from_history
    from simcost.trace.usage.reader import read_usage

    read = read_usage(usage, mapping=mapping, provider=plan.provider, region=plan.region)
    account = usage_account(read, plan, catalog)
    past = from_history(account, sustained=plan.sustained_use)
    return past, (*read.findings, *_without_rows(read), *_not_covered(read), *_idle(account))


def _not_covered(usage: UsageRows) -> list[FindingDocument]:
    """A finding on usage that no commitment covers, which is in no figure of the advice."""
    spot = [i for i, key in enumerate(usage.keys) if key[KEY - 1] == HOURLY and key[5] == "spot"]
    other = [i for i, key in enumerate(usage.keys) if key[KEY - 1] != HOURLY]
    kinds = [(spot, "spot"), (other, "disks, traffic, tokens and the like")]
    left = [f"{what} ({_names(usage.keys[i] for i in lines)})" for lines, what in kinds if lines]
    if not left:
        return []
    count = int(np.isin(usage.line, spot + other).sum())
    said = f"no commitment covers {' nor '.join(left)}: their cost is in no figure here; `simcost bill` has it"
    return [{"kind": "not_covered", "count": count, "message": said}]


def _idle(account: Metered) -> list[FindingDocument]:
    """A finding on reserved capacity that was idle: what it cost, and that no commitment is sized on it."""
    idle = [(i, line) for i, line in enumerate(account.lines) if line.reserved_idle]
    hours = account.hours.sum(axis=0)
    usd = fsum(float(hours[i]) * line.contracted_usd for i, line in idle)
    if not usd:
        return []
    said = (
        f"{format_usd(usd)} was lost on reserved capacity that was idle "
        f"({_names((line.provider, line.sku) for _, line in idle)}): no commitment here is sized on it, and it is in "
        "no figure; give the reservation back, or use it"
    )
    return [{"kind": "idle_reservation", "count": len(idle), "message": said}]


def _not_forecast(history: CommitmentDemand, demand: CommitmentDemand) -> list[FindingDocument]:
    """A finding on instances of the usage that no series of the paths is of."""
    known = {(line.provider, line.sku) for line in demand.lines}
    left = [(line.provider, line.sku) for line in history.lines if (line.provider, line.sku) not in known]
    if not left:
        return []
    said = (
        f"the usage has {_names(left)}, of which the paths have no series: they are taken as gone, and what could be "
        "committed to for them is not in this advice; forecast them too"
    )
    return [{"kind": "not_forecast", "count": len(left), "message": said}]


def _names(keys: Iterable[tuple[str, ...]]) -> str:
    """Names of instances, of which the first words are provider and SKU; the first three and how many more."""
    names = list(dict.fromkeys(f"{provider}/{sku}" for provider, sku, *_ in keys))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _without_rows(usage: UsageRows) -> list[FindingDocument]:
    """A finding on hours within a usage file that no row is about: nothing may have run, or rows are missing."""
    if usage.horizon_s is not None:  # simulated
        return []
    order = np.argsort(usage.start_s)
    until = np.maximum.accumulate(usage.end_s[order])[:-1]
    length_h = (usage.start_s[order][1:] - until) / SECONDS_PER_HOUR
    long = length_h >= 1
    if not long.any():
        return []
    first = int(length_h.argmax())
    since = np.datetime64(int(until[first]), "s")
    said = (
        f"{float(length_h[long].sum()):,.0f} hours of the usage have no row, at most {float(length_h[first]):,.0f} in "
        f"a row, from {since}Z: they count as hours without usage; if rows are missing, "
        "give them, or the usage after them"
    )
    return [{"kind": "without_rows", "count": int(length_h[long].sum()), "message": said}]


def _forecast(
    paths: Path, plan: Purchasing, catalog: Catalog, per_instance: float, history: CommitmentDemand | None
) -> CommitmentDemand:
    """Demand of the sample paths of a forecast, at the prices that the usage states, else those of the catalog."""
    from simcost.scenario.storage.sample_paths import read_paths
    from simcost.studies.commitments.demand import from_paths

    futures = read_paths(paths)
    lines = {future.series: _line(future.series, plan, catalog, history) for future in futures}
    return from_paths(futures, lines, per_instance, sustained=plan.sustained_use)


def _line(series: str, plan: Purchasing, catalog: Catalog, history: CommitmentDemand | None) -> Any:
    """The instances that a series counts: it is named after its SKU. Of several prices in the usage, that of the most
    hours.
    """
    from simcost.billing.metering import Line

    name = series if "/" in series or not plan.provider else f"{plan.provider}/{series}"
    if history is not None:
        hours = history.pooled.sum(axis=0)
        stated = [i for i, line in enumerate(history.lines) if line.name == name and line.quality == "given"]
        if stated:
            return replace(history.lines[max(stated, key=lambda i: float(hours[i]))], zone="", account="", tags=())
    offer = catalog.offer(name, None if plan.region == "any" else plan.region)
    own = plan.own_price(offer.provider, offer.sku)
    known = catalog.contracted(offer)
    return Line(
        provider=offer.provider,
        sku=offer.sku,
        service=catalog.service_name(offer.provider, "", offer.sku),
        region=offer.region,
        accelerator=offer.accelerator or "",
        list_usd=known.list_usd_per_h,
        contracted_usd=known.contracted_usd_per_h if own is None else own,
        as_of="" if own is not None else known.basis.as_of,
        quality="given" if own is not None else known.basis.quality,
        source="" if own is not None else known.basis.source,
    )


def write_plan(path: Path, commitments: Sequence[Mapping[str, Any]], options: Path) -> None:
    """The commitments as a purchasing plan, with all else that the options' plan says.

    Raises:
        InputError: the file cannot be written.
    """
    import yaml as pyyaml

    from simcost.outputs import check_outputs, whole_file
    from simcost.scenario.files import yaml
    from simcost.tables.paths import inside

    root = yaml.parse(yaml.read(options)[0], str(options))[0]
    said: dict[str, Any] = root.plain() if root is not None else {}  # type: ignore[assignment]
    if said.get("catalog"):
        check_outputs([path], [inside(options.parent, said["catalog"])])
    said |= {"purchasing": path.stem, "commitments": list(commitments)}
    with whole_file(path) as draft:
        draft.write_text(pyyaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")
