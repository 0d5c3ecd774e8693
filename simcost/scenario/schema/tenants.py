"""Tenants of a scenario: who shares the pool, and what each was promised."""

from typing import Annotated

from annotated_types import Ge, Le, MinLen

from simcost.plan.rate_limits import RateLimits
from simcost.record import record
from simcost.slo import Slo


@record
class TenantTerms:
    """Terms of one tenant, whose requests name it as `tenant`."""

    name: Annotated[str, MinLen(1)]
    """As the requests name it."""
    slo: Slo | None = None
    """Its own targets; None = those of the scenario. A plan meets the SLO when each tenant meets its targets, all its
    requests taken together."""
    weight: Annotated[float, Ge(0.001), Le(1000)] = 1.0
    """Its share of a replica that is short, against those of the others: for plans with `batching: {policy: fair}`."""
    limits: RateLimits | None = None
    """Its rate limits at the gateway; None = none."""
