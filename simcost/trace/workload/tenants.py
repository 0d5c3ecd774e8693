"""Tenants that a trace names, held against those that its workload lists."""

from pathlib import Path

from simcost.errors import InputError, did_you_mean
from simcost.tables.paths import inside
from simcost.trace.workload.columns import check_column, column_values
from simcost.trace.workload.spec import RecordedWorkload, TenantColumn

_SHOWN = 8


def check_tenants(workload: RecordedWorkload, asked: TenantColumn, folder: Path) -> None:
    """Check that a trace has requests of each tenant of its workload, and of no one else.

    Raises:
        InputError: it lacks the column or a tenant, or names others; the message says which.
        TraceError: a trace that cannot be read.
    """
    path = inside(folder, workload.path)
    check_tenant_column(workload, asked, folder)
    values = column_values(path, asked.column)
    there = [name for name in values if name is not None]
    for name in asked.names:
        if name not in there:
            near = did_you_mean(name, there) or f"; it has {_listed(there)}"
            raise InputError(f"no request of {path.name} has {name!r} in column {asked.column!r}{near}")
    others = [name for name in there if name not in asked.names]
    if asked.others is not None and (others or None in values):
        return
    if asked.others is not None:
        raise InputError(f"each request of {path.name} is of one of `names`: remove `others`")
    if others:
        raise InputError(
            f"requests of {path.name} have {_listed(others)} in column {asked.column!r}: add them to `names`, or write "
            "`others: NAME` for all of them"
        )
    if None in values:
        raise InputError(f"requests of {path.name} have no {asked.column}: write `others: NAME` for them")


def check_tenant_column(workload: RecordedWorkload, asked: TenantColumn, folder: Path) -> None:
    """Raise InputError if a trace lacks the column of its tenants."""
    check_column(inside(folder, workload.path), asked.column, "name one `tenant` of all its requests")


def _listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(map(repr, names[:_SHOWN]))}{more}"
