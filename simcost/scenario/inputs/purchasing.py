"""Purchasing plans in files: their content, and the catalog that they use."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.billing.bill import Charge
from simcost.billing.price_list import OWNED, other_prices, price_list, price_sentences
from simcost.billing.purchasing import Purchasing
from simcost.catalog import Catalog, load_catalog
from simcost.errors import FaultsError, InputError, did_you_mean
from simcost.outputs import check_outputs, whole_file
from simcost.scenario.files.parts import load_as
from simcost.scenario.storage.folders import check_result, no_result
from simcost.tables.digests import sha256_of
from simcost.tables.paths import inside
from simcost.trace.usage.usage import HOURLY, UsageRows
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

Document = dict[str, Any]
Key = tuple[str, ...]
"""Key of a line of usage, as `UsageRows.keys`."""


def load_purchasing(path: Path) -> tuple[Purchasing, Catalog]:
    """The plan of a file, named after it unless it has a name, and our facts with those of its folder over them.

    Raises:
        FaultsError: all faults of the file, each with its place.
        InputError: a folder of facts outside that of the file, or with faults.
    """
    plan = load_as(path, Purchasing)
    catalog = load_catalog(inside(path.parent, plan.catalog)) if plan.catalog else load_catalog()
    return replace(plan, purchasing=plan.purchasing or path.stem), catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedByRun:
    """Usage of a plan of a finished run, replication by replication."""

    usages: list[UsageRows]
    level: float
    """Of the intervals of the run."""
    note: str
    """The plan whose usage it is, where the run has others."""
    prices: list[Document]
    """Prices that the plan paid in the run, as `price_list`."""


def usage_of_run(folder: Path, plan: str | None) -> UsedByRun:
    """Usage of a plan of a results folder of `simcost run`.

    Args:
        folder: the results.
        plan: its name; None = the best of the run, else its baseline.

    Raises:
        InputError: no finished result, no such plan, or one on owned nodes or serverless workers.
    """
    try:
        check_result(folder)
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        nodes, charges, runs = (
            pq.ParquetFile(folder / "tables" / f"{name}.parquet").read().to_pylist()
            for name in ("nodes", "charges", "runs")
        )
        name = plan or document["best"] or document["baseline"]
        intervals = {str(one["name"]): one["intervals"]["per_month_usd"] for one in document["plans"]}
        prices = {row["plan"]: list[Charge]() for row in charges}
        for row in charges:
            prices[row["plan"]].append(_charge(row))
        horizons = {int(run["replication"]): float(run["horizon_s"]) for run in runs if run["plan"] == name}
        numbered = {int(row["replication"]) for row in nodes}
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise no_result(folder, error) from error
    if name not in intervals:
        known = ", ".join(intervals)
        raise InputError(f"{folder}: no plan {name!r}{did_you_mean(name, list(intervals))}; there are {known}")
    if not numbered <= set(horizons):
        raise InputError(f"{folder}: its tables are not of one run; run the scenario again")
    charged = [row for row in charges if row["plan"] == name]
    used = [row for row in nodes if row["plan"] == name]
    for row in used:
        _refuse_unsold(f"{folder}: plan {name!r}", row["provider"])
    usages = _usages(
        used,
        [row for row in charged if row["service"] in ("storage", "transfer", "tokens")],
        horizons,
    )
    chosen = "" if plan else ", its best plan" if document["best"] else ", its baseline: none meets the SLO"
    note = f"Usage of the run is that of {name}{chosen}; --run-plan NAME takes another." if len(intervals) > 1 else ""
    level = (intervals[name] or {}).get("level", 0.95)
    return UsedByRun(usages=usages, level=level, note=note, prices=price_list(prices.get(name, ())))


def _refuse_unsold(plan: str, provider: str) -> None:
    """Raise InputError for nodes that no provider sells by the hour."""
    nodes = {
        OWNED: "owned nodes, which have no price by the hour",
        "serverless": "serverless workers, which have no offer and no billing rule in the catalog",
    }
    if provider in nodes:
        raise InputError(
            f"{plan} has {nodes[provider]}: what they cost is in `simcost run`, by `buy` of the scenario; --run-plan "
            "NAME bills a plan that rents its nodes"
        )


def _charge(row: Document) -> Charge:
    """A charge of a run, as its table has it."""
    return Charge(**{field.name: row[field.name] for field in fields(Charge)})


def _usages(nodes: list[Document], volumes: list[Document], horizons: dict[int, float]) -> list[UsageRows]:
    """A usage for each replication; all name the same lines, also those that one of them did not use."""
    lines = sorted({*map(_node_key, nodes), *map(_volume_key, volumes)})
    return [
        _usage(
            [row for row in nodes if row["replication"] == number],
            [row for row in volumes if row["replication"] == number],
            lines,
            horizon_s,
        )
        for number, horizon_s in sorted(horizons.items())
    ]


def _usage(nodes: list[Document], volumes: list[Document], lines: list[Key], horizon_s: float) -> UsageRows:
    """Nodes as runs, GB-months as GB that were kept throughout, GB as they are, tokens of an API one by one."""
    place = {key: i for i, key in enumerate(lines)}
    amounts = [_amount(row) for row in volumes]
    count = len(nodes) + len(volumes)
    no_price = np.full(count, np.nan)
    return UsageRows(
        start_s=np.array([*(row["start_s"] for row in nodes), *(row["charge_period_start_s"] for row in volumes)]),
        end_s=np.array([*(row["end_s"] for row in nodes), *(row["charge_period_end_s"] for row in volumes)]),
        quantity=np.array([*(1.0 for _ in nodes), *amounts]),
        price_usd=no_price,
        list_usd=no_price,
        contracted_usd=no_price,
        interrupted=np.zeros(count, np.bool_),
        line=np.array(
            [*(place[_node_key(row)] for row in nodes), *(place[_volume_key(row)] for row in volumes)],
            np.int64,
        ),
        keys=tuple(lines),
        tags=(),
        resource=np.arange(count),
        horizon_s=horizon_s,
    )


def _amount(row: Document) -> float:
    """Quantity of a charge as a row of usage counts it."""
    month_s, lasts_s = HOURS_PER_MONTH * SECONDS_PER_HOUR, row["charge_period_end_s"] - row["charge_period_start_s"]
    each = {"storage": month_s / lasts_s, "transfer": 1.0, "tokens": 1e6}
    return float(row["consumed_quantity"] * each[row["service"]])


def _node_key(row: Document) -> Key:
    return (row["provider"], row["sku"], row["region"], "", "", row["pricing"], "", HOURLY)


def _volume_key(row: Document) -> Key:
    if row["service"] == "tokens":
        model, _, item = row["sku"].rpartition(" ")
        return (row["provider"], model, row["region"], "", "", "standard", "", f"{item}_tokens")
    return (row["provider"], row["sku"], row["region"], "", "", "standard", "", "")


def hashed(usage: Path) -> Path:
    """The file that stands for a usage: of a results folder, its result."""
    return usage / "result.json" if usage.is_dir() else usage


def price_usage(
    usage: Path, plans: list[Path], mapping: dict[str, str], plan_of_run: str | None = None
) -> list[tuple[Document, Any]]:
    """The bill of a file of usage under each plan: its document and itself. Of a run it is the mean over its
    replications, each settled by itself.

    Raises:
        FaultsError: rows of the usage, or lines of a plan, that cannot be.
        InputError: prices that are missing, commitments that do not suit the usage.
    """
    from simcost.billing.account import bill_usage
    from simcost.compare.replicated import replicated_bill
    from simcost.scenario.inputs.unusual_prices import unusual_of_bill
    from simcost.trace.usage.reader import read_usage

    result = []
    for path in plans:
        plan, catalog = load_purchasing(path)
        if usage.is_dir():
            used = usage_of_run(usage, plan_of_run)
            usages, level, note, paid = used.usages, used.level, used.note, used.prices
        else:
            sold = {name.lower() for name in (*(one.name for one in catalog.facts.token_prices), *plan.prices)}
            usages = [
                read_usage(usage, mapping=mapping, provider=plan.provider, region=plan.region, models=sold),
            ]
            level, note, paid = None, "", []
        try:
            bills = [bill_usage(one, plan, catalog) for one in usages]
        except FaultsError:
            raise
        except InputError as error:
            raise InputError(f"{usage} under {path}: {error}") from error
        document, bill = replicated_bill(bills, plan.purchasing, level)
        document |= {"catalog_date": catalog.as_of, "findings": list(usages[0].findings)}
        document["assumptions"] += [
            *([note] if note else []),
            *other_prices(paid, document["prices"], plan.purchasing),
            *price_sentences(document["prices"], catalog.as_of),
            *unusual_of_bill(document["prices"], catalog),
        ]
        result.append((document, bill))
    return result


def write_focus_bill(path: Path, bill: Any, usage: Path, plan: Path) -> None:
    """Write a bill of `price_usage` in the FOCUS format; its run id stands for the usage and the plan.

    Raises:
        InputError: the name says no format, or nothing can be written there.
    """
    from simcost.billing.focus import Stamp, focus_table
    from simcost.trace.focus.export import check_suffix, write_focus

    check_suffix(path)
    purchasing, catalog = load_purchasing(plan)
    if purchasing.catalog:
        check_outputs([path], [inside(plan.parent, purchasing.catalog)])
    run_id = sha256(f"{sha256_of(hashed(usage))} {sha256_of(plan)}".encode()).hexdigest()[:16]
    stamp = Stamp(run_id=run_id, tags={"plan": purchasing.purchasing})
    with whole_file(path) as draft:
        table = focus_table(bill, stamp, catalog.facts.offers, catalog.facts.services)
        write_focus(table, draft, text=path.suffix == ".csv")
