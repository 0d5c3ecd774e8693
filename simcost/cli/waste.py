"""`simcost waste`: what monitored hardware was used for, what it cost, and what would change it."""

from pathlib import Path
from typing import Any

from simcost.cli.words import Arguments, columns, finish, own_catalog, pictures, usd_per_h, verb


def add(verbs: Any) -> None:
    """The verb `waste`."""
    waste = verb(
        verbs, "waste", _waste, "where the GPU-hours of a monitored cluster went, and what would save them"
    )
    waste.add_argument(
        "file", type=Path, help="utilisation by GPU or by pool: DCGM or Prometheus export, CSV or Parquet"
    )
    columns(waste)
    waste.add_argument("--price", type=usd_per_h, metavar="USD", help="per GPU and hour, e.g. $2.10/h")
    waste.add_argument(
        "--offer", metavar="P/SKU", help="or an offer of the catalog, whose price is shared by its GPUs"
    )
    waste.add_argument(
        "--jobs", type=Path, metavar="JOBS", help="job log of the same time: failed and cancelled work"
    )
    waste.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="of the hours of the day (default UTC)"
    )
    pictures(waste)
    own_catalog(waste)


def _waste(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog
    from simcost.compare.waste.document import waste
    from simcost.trace.jobs.reader import read_jobs

    offer = load_catalog(arguments.catalog).offer(arguments.offer) if arguments.offer else None
    document = waste(
        arguments.file,
        price_usd_per_h=arguments.price,
        offer=offer,
        mapping=dict(arguments.map),
        timezone=arguments.timezone,
        jobs=read_jobs(arguments.jobs)[0] if arguments.jobs else None,
    )
    finish(arguments, document, document["findings"], "waste")
