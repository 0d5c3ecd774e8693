"""Payments in advance over the terms of commitments: each hour has the same share, and the shares are the payment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simcost.billing.commitment import (
    AzureReservation,
    AzureSavingsPlan,
    FlexibleCud,
    ReservedInstances,
    ResourceCud,
    SavingsPlan,
)
from simcost.billing.metering import Line, Metered, UsageIntervals, metered
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog

CATALOG = load_catalog()
starts = st.integers(0, 12 * 8766).map(lambda hours: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
UNITS = {"aws": ReservedInstances, "azure": AzureReservation, "gcp": ResourceCud}
SPEND = {"aws": SavingsPlan, "azure": AzureSavingsPlan, "gcp": FlexibleCud}


def account(provider: str, start: datetime, hours: int) -> Metered:
    line = Line(provider=provider, sku="n2-x", region="r", list_usd=2.0, contracted_usd=2.0, as_of="", quality="given")
    end_s = np.full(1, hours * 3600.0)
    runs = UsageIntervals(start_s=np.zeros(1), end_s=end_s, line=np.zeros(1, np.int64), units=np.ones(1))
    return metered([line], runs, horizon_s=hours * 3600.0, start_s=start.timestamp())


def bought(form: str, provider: str, **more: Any) -> Any:
    if form == "units":
        return UNITS[provider](sku="n2-x", region="r", count=1, provider=provider, **more)
    return SPEND[provider](commitment=1.0, discount=0.4, upfront="all", **more)


def anniversary(start: datetime, years: int, provider: str) -> datetime:
    """End of a term: of AWS 365 days a year, of the others the same day, or the last of February."""
    if provider == "aws":
        return start + timedelta(days=365 * years)
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)


@settings(deadline=None, max_examples=40)
@given(starts, st.sampled_from([1, 3]), st.sampled_from(sorted(UNITS)), st.sampled_from(["units", "spend"]))
@example(datetime(2024, 2, 29, tzinfo=UTC), 1, "azure", "units")
@example(datetime(2024, 1, 1, tzinfo=UTC), 3, "azure", "units")
@example(datetime(2024, 1, 1, tzinfo=UTC), 3, "aws", "units")
def test_the_shares_of_a_term_are_its_payment(start: datetime, years: int, provider: str, form: str) -> None:
    money = {"fee": 10_000.0, "hourly": 0.0} if form == "units" else {}
    one = bought(form, provider, years=years, **money)
    term_h = (anniversary(start, years, provider) - start) / timedelta(hours=1)
    found = settle(account(provider, start, int(term_h) + 48), [one], CATALOG, sustained=False).bought[0]
    paid, shares = float(found.one_time_usd.sum()), found.committed_usd
    assert paid == (10_000.0 if form == "units" else pytest.approx(term_h))
    assert float(shares.sum()) == pytest.approx(paid, abs=0.005)
    assert (shares > 0).sum() == term_h
    assert shares[: int(term_h)] == pytest.approx(np.full(int(term_h), paid / term_h), rel=1e-12)
    months = (np.datetime64(int(start.timestamp()), "s") + np.arange(len(shares)).astype("m8[h]")).astype("M8[M]")
    by_month = np.bincount(np.unique(months, return_inverse=True)[1], shares)
    hours = np.bincount(np.unique(months, return_inverse=True)[1], shares > 0)
    assert by_month == pytest.approx(paid * hours / term_h, rel=1e-9)


@settings(deadline=None, max_examples=15)
@given(starts, st.sampled_from(sorted(UNITS)), st.integers(-9000, 0))
@example(datetime(2023, 6, 1, tzinfo=UTC), "azure", 0)
def test_each_renewal_spreads_its_own_payment(start: datetime, provider: str, since_h: int) -> None:
    """Terms with and without a leap day differ in length; the payment of each is spread over its own hours."""
    one = bought("units", provider, fee=8784.0, hourly=0.1, renewed=True, since=since_h * 3600.0)
    hours = 2 * 8784 + 24
    found = settle(account(provider, start, hours), [one], CATALOG, sustained=False).bought[0]
    shares = found.committed_usd - found.recurring_usd
    at = start + timedelta(hours=since_h)
    while at < start + timedelta(hours=hours):
        end = anniversary(at, 1, provider)
        first, last = ((time - start) / timedelta(hours=1) for time in (at, end))
        here = shares[max(int(first), 0) : max(int(last), 0)]
        assert here == pytest.approx(np.full(len(here), 8784.0 / (last - first)))
        at = end
    assert found.recurring_usd == pytest.approx(np.full(hours, 0.1))
    used, unused = float(sum(usd.sum() for usd in found.covered_usd.values())), float(found.unused_usd.sum())
    assert used + unused == pytest.approx(float(found.committed_usd.sum()))


def test_the_price_of_an_azure_term_is_that_of_the_whole_term() -> None:
    """An hour is quoted as 1 / 8,760 of a year: three years with a leap day cost no day more."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for upfront in ("all", "none"):
        one = bought("units", "azure", years=3, price=1.0, upfront=upfront)
        found = settle(account("azure", start, 26_304), [one], CATALOG).bought[0]
        assert float(found.committed_usd.sum()) == pytest.approx(26_280.0)
        assert float((found.one_time_usd + found.recurring_usd).sum()) == pytest.approx(26_280.0)
