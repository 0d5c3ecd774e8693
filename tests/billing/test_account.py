"""Files of usage to bills: by hand, against the worked examples, and laws of rows."""

import csv
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.shown import on_terminal

from simcost.billing.account import bill_usage
from simcost.billing.bill import Bill
from simcost.billing.commitment import CapacityReservation, ReservedInstances, SavingsPlan, TakeOrPay
from simcost.billing.document import bill_document, tree
from simcost.billing.focus.export import Stamp, focus_table
from simcost.billing.metering import Line, UsageIntervals, metered
from simcost.billing.purchasing import Purchasing
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog
from simcost.errors import FaultsError, TraceError
from simcost.scenario.inputs.purchasing import load_purchasing
from simcost.studies.bills.view import parts
from simcost.trace.usage.reader import read_usage

text = on_terminal(parts)

CATALOG = load_catalog()
Rows = list[dict[str, Any]]


def at(hours: float) -> str:
    """An instant of the first days of January 2026."""
    seconds = round(hours * 3600)
    days, rest = divmod(seconds, 86400)
    return f"2026-01-{1 + days:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}Z"


def billed(folder: Path, rows: Rows, **plan: Any) -> Bill:
    return bill_usage(read_usage(write(folder, rows)), Purchasing(**plan), CATALOG)


def write(folder: Path, rows: Rows) -> Path:
    path = folder / "usage.csv"
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, names, restval="")
        out.writeheader()
        out.writerows(rows)
    return path


def run(start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"sku": "aws/x.large", "region": "r", "start": at(start), "end": at(end), "quantity": 1, **more}


OWN = {"aws/x.large": 2.0}


def test_machines_are_metered_by_their_runs_others_as_they_stand(tmp_path: Path) -> None:
    """A minute is the least of AWS; a run in two rows is one run; what still runs at the end of the file is cut."""
    rows = [run(0, 0.005, resource="a"), run(0.005, 0.01, resource="a"), run(2, 3, resource="b")]
    assert billed(tmp_path, rows, prices=OWN).total_usd == pytest.approx(2.0 * (60 / 3600 + 1))
    assert billed(tmp_path, [run(0, 0.01), run(2, 3)], prices=OWN).total_usd == pytest.approx(2.0 * 1.01)


@pytest.mark.parametrize(
    ("last", "usd", "told"),
    [
        ([], 0.01 + 1 / 60, True),
        ([run(1, 1, resource="a") | {"quantity": 0}], 2 / 60, False),
        ([run(0.5, 0.51, resource="a", interrupted="true")], 3 / 60, False),
    ],
)
def test_a_run_that_is_cut_at_the_end_is_told(tmp_path: Path, last: Rows, usd: float, told: bool) -> None:
    """Of two runs of one length the last was billed without the minimum of its provider, and nothing said so."""
    bill = billed(tmp_path, [*(run(h, h + 0.01, resource="a") for h in (0, 0.25)), *last], prices=OWN)
    assert bill.total_usd == pytest.approx(2.0 * usd)
    assert any("are taken to run on" in note for note in bill.notes) == told


def test_rows_that_cannot_be_are_named_with_their_lines(tmp_path: Path) -> None:
    rows = [
        run(0, 2, resource="a"),
        run(1, 3, resource="a"),
        run(5, 4),
        run(0, 1, quantity=-1),
        run(0, 1, sku=""),
        run(0, 1, quantity="1e308"),
        run(0, 1) | {"start": "2117-01-01T00:00:00Z"},
    ]
    with pytest.raises(FaultsError) as wrong:
        read_usage(write(tmp_path, rows))
    found = str(wrong.value)
    for words in (
        "usage.csv:4: start:",
        "ends before it starts",
        "usage.csv:5: quantity: '-1' is not a number from 0 up; write 0",
        "usage.csv:6: sku: the cell is empty; every row needs a SKU",
        "usage.csv:7: quantity: '1e308' is not a number from 0 up: the largest number that is read is 1e+100; write 0",
        "usage.csv:8: start: '2117-01-01T00:00:00Z' is not a time: the last day that is read is 2116-02-20",
    ):
        assert words in found
    with pytest.raises(FaultsError, match=r"usage\.csv:3: resource: 'a' runs already"):
        read_usage(write(tmp_path, rows[:2]))
    with pytest.raises(FaultsError, match="says no zone, but others of this file do"):
        read_usage(write(tmp_path, [run(0, 1), run(0, 1) | {"start": "2026-01-01T00:00:00"}]))
    with pytest.raises(TraceError, match="no sku column found; pass --map sku=COLUMN"):
        read_usage(write(tmp_path, [{"instance": "x", "start": at(0)}]))


def test_missing_prices_are_named_all_at_once(tmp_path: Path) -> None:
    rows = [run(0, 1), run(0, 1, sku="aws/y.large"), run(0, 1, sku="aws/z.large")]
    with pytest.raises(FaultsError) as wrong:
        billed(tmp_path, [*rows, rows[0]])
    for line, name, more in ((2, "x", r" \(2 rows\)"), (3, "y", ""), (4, "z", "")):
        assert re.search(rf"(?m)usage\.csv:{line}: aws/{name}\.large in region r: .*{more}$", str(wrong.value))


def test_unknown_skus_and_regions_name_their_row_and_the_nearest(tmp_path: Path) -> None:
    """Of all services at once: machines, models behind APIs."""
    rows = [
        run(0, 1, sku="aws/p5.48xlrge", region="us-east-1"),
        run(0, 1, sku="aws/p5.48xlarge", region="us-est-1"),
        run(0, 1, sku="openai/gpt-5-mni", unit="input_tokens"),
    ]
    with pytest.raises(FaultsError) as wrong:
        billed(tmp_path, rows)
    found = str(wrong.value).splitlines()
    for line, words in zip(found, ("'aws/p5.48xlarge'", "'us-east-1'", "'openai/gpt-5-mini'"), strict=True):
        assert f"did you mean {words}" in line
    assert [line.split(":")[1] for line in found] == ["2", "3", "4"]


def test_usage_without_a_provider_is_told_how_to_name_it(tmp_path: Path) -> None:
    """An instance type as bills of one provider have it: the catalog sells it, under a provider."""
    rows = [run(0, 1, sku="g6.xlarge", region="us-east-1"), run(0, 1, sku="g6.none", region="us-east-1")]
    with pytest.raises(FaultsError) as wrong:
        billed(tmp_path, rows)
    known, unknown = str(wrong.value).splitlines()
    assert "write `provider: aws` in the purchasing plan" in known
    assert "the catalog has no offer 'g6.none'" in unknown
    assert len(billed(tmp_path, [rows[0] | {"provider": "aws"}]).charges) > 0


def test_spot_intervals_as_in_worked_examples(shared: Path, tmp_path: Path) -> None:
    cases = [
        c for c in json.loads((shared / "vectors/billing.json").read_text())["cases"] if c["kind"] == "spot_interval"
    ]
    assert cases
    for case in cases:
        given_ = case["input"]
        steps = [*given_["price_steps"], {"from_s": given_["end_s"]}]
        rows = [
            run(
                a["from_s"] / 3600,
                b["from_s"] / 3600,
                pricing="spot",
                price=a["usd_h"],
                resource="i",
                interrupted="provider" if given_["ended_by"] == "provider" else "",
            )
            for a, b in pairwise(steps)
        ]
        found = billed(tmp_path, [*rows, run(50, 51, quantity=0, resource="z")], prices=OWN)
        assert found.total_usd == pytest.approx(case["expected"]["cost_usd"], rel=1e-9)


def test_spot_rows_without_a_price_pay_the_stated_one(tmp_path: Path) -> None:
    """A gap in a history of prices: rows without one were billed at the mean of all rows, 3 USD in place of 4."""
    rows = [run(0, 1, pricing="spot", price=1.0), run(1, 2, pricing="spot")]
    bill = billed(tmp_path, rows, prices=OWN, spot={"aws/x.large": 3.0})
    assert bill.total_usd == pytest.approx(4.0)
    assert bill.total_usd == pytest.approx(sum(charge.effective_cost_usd for charge in bill.charges))


def test_spot_that_aws_takes_within_an_hour_is_free(tmp_path: Path) -> None:
    short = run(0, 0.5, pricing="spot", price=1.0, resource="i", interrupted="true")
    last = run(50, 51, quantity=0, resource="z")
    assert billed(tmp_path, [short, last], prices=OWN).total_usd == 0.0
    assert billed(tmp_path, [short | {"interrupted": ""}, last], prices=OWN).total_usd == pytest.approx(0.5)


def spot(start: float, end: float, price: float, **more: Any) -> dict[str, Any]:
    return run(start, end, pricing="spot", price=price, resource="i", **more)


LATER = run(50, 51, quantity=0, resource="z")
"""The file goes on after what it is about."""


@pytest.mark.parametrize(
    ("rows", "usd"),
    [
        ([spot(0, 1, 1.0), spot(1, 1.5, 2.0, interrupted="true")], 2.0),
        ([spot(5 / 6, 1, 1.0), spot(1, 4 / 3, 1.0, interrupted="true")], 0.0),
        ([spot(0, 1, 1.0), spot(1, 1.5, 1.0, interrupted="true")], 1.5),
        ([spot(0, 0.5, 1.0, team="a"), spot(0.5, 1.5, 1.0, team="b", interrupted="true")], 1.5),
        ([spot(0, 0.5, 1.0), spot(0.75, 1.5, 1.0, interrupted="true")], 0.5),
    ],
)
def test_an_interruption_is_about_the_run_of_an_instance(tmp_path: Path, rows: Rows, usd: float) -> None:
    """It stands on the last row; a run goes on where the price, the clock-hour or the workload changes."""
    assert billed(tmp_path, [*rows, LATER], prices=OWN).total_usd == pytest.approx(usd, rel=1e-12)


def test_bills_of_interrupted_runs_by_hand(shared: Path) -> None:
    folder = shared / "cases/money"
    if not folder.is_dir():
        pytest.skip("the cases of the project are not here")
    plan, catalog = load_purchasing(folder / "spot_plan.yaml")
    found = [bill_usage(read_usage(folder / f"spot_interrupted_{i}.csv"), plan, catalog) for i in range(1, 5)]
    assert [bill.billed_usd for bill in found] == pytest.approx([2.00, 0.0, 1.50, 3.013])


def test_rows_that_do_not_tell_which_run_was_interrupted_are_named(tmp_path: Path) -> None:
    rows = [spot(0, 1, 1.0), spot(1, 1.5, 1.0, interrupted="true")]
    without = [{name: cell for name, cell in row.items() if name != "resource"} for row in rows]
    with pytest.raises(FaultsError, match=r"usage\.csv:3: is interrupted, and another row .* `resource`"):
        billed(tmp_path, without, prices=OWN)
    assert billed(tmp_path, without[1:], prices=OWN).total_usd == 0.0
    with pytest.raises(FaultsError, match=r"usage\.csv:2: is interrupted, but its machine runs on"):
        billed(tmp_path, [rows[0] | {"interrupted": "true"}, spot(1, 1.5, 1.0)], prices=OWN)


def test_rows_without_a_machine_beside_those_of_machines_are_as_metered(tmp_path: Path) -> None:
    """They were runs of one machine without a name, which is not twice at a time."""
    plain = run(0, 10 / 3600, resource="")
    rows = [plain, plain | {"quantity": 3}, run(0, 10 / 3600, resource="i-1"), run(5, 6, resource="i-2")]
    bill = billed(tmp_path, rows, prices=OWN)
    assert bill.total_usd == pytest.approx(2.0 * (4 * 10 + 60 + 3600) / 3600)
    [told] = read_usage(tmp_path / "usage.csv").findings
    assert (told["kind"], told["count"]) == ("no_resource", 2)
    kind = {"pricing": "spot", "price": 1.0}
    ended = run(1, 1.5, **kind, interrupted="true", resource="")
    with pytest.raises(FaultsError, match=r"usage\.csv:3: is interrupted, and another row"):
        billed(tmp_path, [run(0, 1, **kind, resource=""), ended, run(5, 6, resource="i-2")], prices=OWN)
    assert billed(tmp_path, [ended, run(5, 6, resource="i-2")], prices=OWN).total_usd == pytest.approx(2.0)


def test_rows_that_last_no_time_are_told(tmp_path: Path) -> None:
    """A day whose `start` and `end` are that day was billed as nothing, without a word."""
    rows = [run(0, 0), run(0, 0) | {"sku": "aws/storage"}, run(1, 1) | {"quantity": 0}, run(2, 3)]
    [told] = read_usage(write(tmp_path, rows)).findings
    assert (told["kind"], told["count"]) == ("no_time", 2)
    counted = write(tmp_path, [run(0, 0) | {"sku": "aws/egress"}, run(2, 3), LATER])
    assert all(one["kind"] != "no_time" for one in read_usage(counted).findings)


@given(
    st.integers(1, 130),
    st.sets(st.integers(1, 129), max_size=5),
    st.integers(0, 80),
    st.booleans(),
    st.sampled_from(["aws", "gcp"]),
    st.sampled_from(["spot", "standard"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cutting_a_run_into_rows_does_not_change_its_bill(
    tmp_path: Path, minutes: int, cuts: set[int], start: int, interrupted: bool, provider: str, pricing: str
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < minutes), minutes]
    kind = {"sku": f"{provider}/x.large", "pricing": pricing, "resource": "i"}
    last = {"interrupted": "true"} if interrupted else {}

    def rows(at_: list[int]) -> Rows:
        parts = [run((start + a) / 60, (start + b) / 60, **kind) for a, b in pairwise(at_)]
        return [*parts[:-1], parts[-1] | last, LATER | {"sku": f"{provider}/x.large"}]

    own = {"prices": {f"{provider}/x.large": 2.0}, "spot": {f"{provider}/x.large": 1.0}}
    whole, cut_up = (billed(tmp_path, rows(at_), **own).total_usd for at_ in ([0, minutes], edges))
    assert cut_up == pytest.approx(whole, abs=1e-9)
    free = provider == "aws" and pricing == "spot" and interrupted and minutes < 60
    assert (whole == 0.0) == free


def test_volumes_by_calendar_month(tmp_path: Path, shared: Path) -> None:
    """Storage by the hours of January; a GB that crosses zones is paid on both sides; egress in tiers."""
    kept = {
        "sku": "aws/storage",
        "region": "r",
        "start": at(0),
        "end": at(240),
        "quantity": 1000,
        "unit": "GB",
    }
    found = billed(tmp_path, [kept], storage=0.08)
    assert found.total_usd == pytest.approx(1000 * 240 / 744 * 0.08)
    crossed = {
        "sku": "aws/inter-zone",
        "region": "r",
        "start": at(0),
        "end": at(1),
        "quantity": 1000,
        "unit": "GB",
    }
    assert billed(tmp_path, [crossed], inter_zone=0.01).total_usd == pytest.approx(20.0)
    sent = {"sku": "aws/egress", "region": "r", "start": at(0), "end": at(1), "quantity": 150, "unit": "GB"}
    assert billed(tmp_path, [sent]).total_usd == pytest.approx(50 * 0.09)
    found = billed(tmp_path, [sent, sent | {"region": "s", "quantity": 50}])
    usd = {charge.region: charge.effective_cost_usd for charge in found.charges}
    assert usd == pytest.approx({"r": 75 * 0.09, "s": 25 * 0.09}), "200 GB of one provider, of which 100 are free"


@pytest.mark.parametrize("unit", ["GB-Mo", "GB-month", "GB-Months"])
@pytest.mark.parametrize("edges", [["01-01", "02-01"], ["01-01", "01-02", "01-05", "02-01"], ["01-20", "03-10"]])
def test_gb_months_are_so_many_however_long_their_rows_are(tmp_path: Path, edges: list[str], unit: str) -> None:
    """Those of a day were taken as GB that were kept for this day: a thirty-first of the cost."""
    rows = [
        {
            "sku": "aws/storage",
            "start": f"2026-{a}T00:00:00Z",
            "end": f"2026-{b}T00:00:00Z",
            "quantity": 5,
            "unit": unit,
        }
        for a, b in pairwise(edges)
    ]
    found = billed(tmp_path, rows, storage=0.08)
    assert found.total_usd == pytest.approx(5 * len(rows) * 0.08)
    with pytest.raises(FaultsError, match=f"'{unit}' is not a unit of a volume"):
        billed(tmp_path, [{**rows[0], "sku": "aws/egress"}])
    with pytest.raises(FaultsError, match=r"leaves no time for the GB-months"):
        billed(tmp_path, [{**rows[0], "end": rows[0]["start"]}])


def test_gb_months_of_a_sku_of_another_name_are_counted_as_they_are(tmp_path: Path) -> None:
    """Its price is of its unit: those of a day were taken as 31 times as many."""
    found = billed(tmp_path, [run(0, 24, quantity=10, unit="GB-month")], prices={"aws/x.large": 0.5})
    assert found.total_usd == pytest.approx(5.0)


@pytest.mark.parametrize("item", ["storage", "egress", "inter-zone"])
def test_the_remedy_of_a_volume_without_a_price_prices_it(tmp_path: Path, item: str) -> None:
    """The message named `buy: {inter-zone: ...}`, a key of scenarios, which a purchasing plan has not."""
    sent = {"sku": f"together/{item}", "start": at(0), "end": "2026-02-01T00:00:00Z", "quantity": 10}
    with pytest.raises(FaultsError, match=rf"no {item} price of together; give yours in the plan") as told:
        billed(tmp_path, [sent])
    remedy = re.search(r"`(\w+): \$(\S+)/GB`", str(told.value))
    assert remedy
    usd = float(remedy[2]) * (2 if item == "inter-zone" else 1)
    assert billed(tmp_path, [sent], **{remedy[1]: float(remedy[2])}).total_usd == pytest.approx(10 * usd)


@pytest.mark.parametrize(("quantity", "told"), [(1, "what was used has a price of 0"), (0, "nothing was used")])
def test_usage_at_a_price_of_0_is_usage(tmp_path: Path, quantity: int, told: str) -> None:
    found = billed(tmp_path, [run(0, 1, quantity=quantity)], prices={"aws/x.large": 0.0})
    assert bill_document(found, "plan")["verdict"] == f"plan: {told}; commitments cost $0.00."


def test_volumes_keep_their_account_and_zone(tmp_path: Path) -> None:
    """Compute of an account was its own in a cost file, its disks and traffic those of nobody."""
    each = {"sku": "aws/egress", "region": "r", "start": at(0), "end": at(1), "unit": "GB"}
    rows = [each | {"account": "a", "quantity": 150}, each | {"account": "b", "zone": "r1", "quantity": 50}]
    found = billed(tmp_path, [*rows, run(0, 1, account="a")], prices=OWN)
    usd = {(one.sku, one.account, one.zone): one.effective_cost_usd for one in found.charges}
    sent = {("egress", "a", ""): 75 * 0.09, ("egress", "b", "r1"): 25 * 0.09}
    assert usd == pytest.approx({("x.large", "a", ""): 2.0, **sent}), "the free 100 GB are of all accounts together"
    written = focus_table(found, Stamp(run_id="x"), ()).select(["SubAccountId", "AvailabilityZone", "BilledCost"])
    by_account = {(row["SubAccountId"], row["AvailabilityZone"]) for row in written.to_pylist()}
    assert by_account == {("a", None), ("b", "r1")}


def test_who_pays_adds_up_to_the_bill(tmp_path: Path) -> None:
    rows = [run(0, 10, team="a"), run(0, 4, team="b", quantity=3), run(2, 3)]
    plan = SavingsPlan(commitment=4.0, discount=0.5)
    found = billed(tmp_path, rows, prices=OWN, commitments=(plan,))
    document = bill_document(found, "plan")
    assert sum(document["allocation"]["team"].values()) == pytest.approx(document["effective_usd"])
    assert document["allocation"]["team"]["(unused commitment)"] == pytest.approx(document["unused_usd"])
    [*_, (_, last, listed, effective, billed_usd)] = tree(document)
    assert last == "total"
    assert (listed, effective, billed_usd) == pytest.approx(
        (document["list_usd"], document["effective_usd"], document["billed_usd"])
    )
    [one] = document["commitments"]
    assert one["utilisation"] == pytest.approx(1 - document["unused_usd"] / one["committed_usd"])


def test_idle_reservations_have_a_line_of_their_own(tmp_path: Path) -> None:
    """In the tree and among those who pay; what a team ran is not dearer for it."""
    rows = [run(0, 10, team="a")]
    found = billed(tmp_path, rows, prices=OWN, commitments=(CapacityReservation(sku="x.large", region="r", count=3),))
    document = bill_document(found, "plan")
    assert document["allocation"]["team"] == pytest.approx({"a": 20.0, "(idle reservation)": 40.0})
    assert document["idle_reservation_usd"] == pytest.approx(40.0)
    assert "$40.00 is for reserved capacity that was idle" in document["verdict"]
    by_row = {what: (listed, effective) for _, what, listed, effective, _ in tree(document)}
    assert by_row["aws/x.large r, reserved and idle"] == pytest.approx((40.0, 40.0))
    assert by_row["aws/x.large r"] == pytest.approx((20.0, 20.0))


def test_what_rounding_leaves_is_no_amount(tmp_path: Path) -> None:
    """Sums of millions in other orders differ by 1e-10 USD, which was shown as a discount."""
    random = Random(1)
    rows = [run(h, h + 1, quantity=100 + round(random.random() * 23, 3)) for h in range(720)]
    plans = [SavingsPlan(name=f"plan {i}", commitment=3911.17 + i, discount=0.283) for i in range(12)]
    bills = [billed(tmp_path, rows, prices={"aws/x.large": 55.04}, commitments=(plan,)) for plan in plans]
    for document in (bill_document(bill, "plan") for bill in bills):
        shown = text(document)
        assert not re.search(r"\de-\d", shown)
        assert next(line for line in shown.splitlines() if "on demand" in line).split()[3] == "$0.00"


pieces = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(1, 4), st.sampled_from(["x", "y"])),
    min_size=1,
    max_size=6,
)


@given(pieces, st.integers(1, 59), st.randoms())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_neither_order_nor_cuts_within_an_hour_change_a_bill(
    tmp_path: Path, parts: list[tuple[int, int, int, str]], minute: int, random: Random
) -> None:
    plan = SavingsPlan(commitment=3.0, discount=0.3)
    prices = {"aws/x.large": 2.0, "aws/y.large": 3.0}
    rows = [run(s / 4, (s + n) / 4, sku=f"aws/{sku}.large", quantity=q) for s, n, q, sku in parts]
    cut = [piece for row in rows for piece in _halves(row, minute)]
    random.shuffle(cut)
    whole = billed(tmp_path, rows, prices=prices, commitments=(plan,))
    again = billed(tmp_path, cut, prices=prices, commitments=(plan,))
    assert again.total_usd == pytest.approx(whole.total_usd, abs=1e-9)
    assert [c.effective_cost_usd for c in again.charges] == pytest.approx([c.effective_cost_usd for c in whole.charges])


def _halves(row: dict[str, Any], minute: int) -> Rows:
    """A row cut some minutes after its start."""
    start = _hours(row["start"])
    middle = min(start + minute / 60, _hours(row["end"]))
    return [row | {"end": at(middle)}, row | {"start": at(middle)}]


def _hours(text: str) -> float:
    days, clock = int(text[8:10]) - 1, text[11:19].split(":")
    return days * 24 + int(clock[0]) + int(clock[1]) / 60 + int(clock[2]) / 3600


@pytest.mark.parametrize(("since_h", "told"), [(3.0, False), (4.0, True), (100.0, True)])
def test_a_commitment_that_begins_after_the_usage_is_told(tmp_path: Path, since_h: float, told: bool) -> None:
    later = SavingsPlan(name="later", commitment=1.0, discount=0.5, since=since_h * 3600)
    bill = billed(tmp_path, [run(0, 4)], prices=OWN, commitments=(later,))
    note = f"later: begins {since_h:g} h after the start of the usage, which ends after 4 h: it changes nothing here"
    assert (note in bill.notes) == told
    assert bill.settlement is not None
    assert (bill.settlement.effective_usd == 8.0) == told


def take_or_pay(since_h: float, days: float = 1.0) -> TakeOrPay:
    """An instance paid in advance."""
    return TakeOrPay(
        name="block",
        provider="aws",
        sku="x.large",
        count=1,
        price=1.0,
        length=days * 86400,
        prepaid=True,
        since=since_h * 3600,
    )


@pytest.mark.parametrize(("year", "told"), [(2024, True), (2026, False)])
def test_usage_of_another_year_than_its_prices_is_told(tmp_path: Path, year: int, told: bool) -> None:
    """A price list of today does not say what was paid before a price was cut."""
    row = {"sku": "aws/g6e.xlarge", "region": "us-east-1", "start": f"{year}-03-01T00:00:00Z", "quantity": 1}
    notes = billed(tmp_path, [row]).notes
    assert any("the usage ends on 2024-03-01, more than a year before the prices" in note for note in notes) == told
    assert not any("more than a year" in note for note in billed(tmp_path, [row], prices={"g6e.xlarge": 2.0}).notes)


def test_a_commitment_for_an_account_without_usage_is_told(tmp_path: Path) -> None:
    rows = [run(0, 4, account="a")]
    for shared, told in ((True, False), (False, True)):
        held = ReservedInstances(name="ri", sku="x.large", count=1, price=1.0, account="b", shared=shared)
        bill = billed(tmp_path, rows, prices=OWN, commitments=(held,))
        note = "ri: covers nothing of what is used here by the account b; all of it is lost"
        assert (note in bill.notes) == told
        assert bill.total_usd == (12.0 if told else 4.0)


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([run(0, 1), run(1, 2), run(1, 2)], 1),
        ([run(0, 1), run(1, 2)] * 3, 4),
        ([run(0, 1, team="a"), run(0, 1, team="b"), run(0, 1, team="a") | {"quantity": 2}], 0),
        ([run(0, 1) | {"quantity": 0}] * 2, 0),
    ],
)
def test_rows_that_a_file_has_twice_are_told(tmp_path: Path, rows: Rows, count: int) -> None:
    """Exports of overlapping months cost too much together; each row counts still, since two fleets may be alike."""
    usage = read_usage(write(tmp_path, [{"quantity": 1} | row for row in rows]))
    told = [finding for finding in usage.findings if finding["kind"] == "repeated"]
    assert [finding["count"] for finding in told] == ([count] if count else [])
    assert usage.quantity.sum() == sum(row.get("quantity", 1) for row in rows)


def test_rows_of_instances_and_of_machines_may_be_alike(tmp_path: Path) -> None:
    one = {name: value for name, value in run(0, 1).items() if name != "quantity"}
    for rows in ([one, one], [one | {"quantity": 1, "resource": name} for name in "ab"]):
        assert not [finding for finding in read_usage(write(tmp_path, rows)).findings if finding["kind"] == "repeated"]


def test_a_commitment_that_was_over_before_the_usage_is_told(tmp_path: Path) -> None:
    """Nothing of it falls into the time of the bill: it is neither paid, nor used, nor lost."""
    bill = billed(tmp_path, [run(0, 4)], prices=OWN, commitments=(take_or_pay(since_h=-36),))
    assert bill.total_usd == bill.billed_usd == 8.0
    assert "block: ended 12 h before the start of the usage: it changes nothing here" in bill.notes
    assert "no commitment is in effect" in bill_document(bill, "p")["verdict"]


@pytest.mark.parametrize(("upfront", "told"), [("none", ""), ("partial", "$10,512"), ("all", "$21,024")])
def test_what_is_paid_years_in_advance_is_told(tmp_path: Path, upfront: Any, told: str) -> None:
    """26,280 hours at 0.80 USD: owned nodes pay interest for such money (`capital_rate`), a reservation does not."""
    held = ReservedInstances(name="ri", sku="x.large", count=1, price=0.8, upfront=upfront, years=3)
    bill = billed(tmp_path, [run(0, 4)], prices=OWN, commitments=(held,))
    said = [note for note in bill.notes if "in advance" in note]
    note = f"ri: {told} is paid in advance for 3 years, and spread over them without the interest that this money costs"
    assert said == ([note] if told else [])


@pytest.mark.parametrize("upfront", ["none", "partial", "all"])
def test_a_term_that_ends_within_the_usage_covers_its_hours_alone(tmp_path: Path, upfront: Any) -> None:
    """Three of ten hours at the reserved price, seven on demand; a renewed term goes on."""
    held = ReservedInstances(name="ri", sku="x.large", count=1, price=1.2, upfront=upfront, since=(3 - 8760) * 3600)
    bill = billed(tmp_path, [run(0, 10)], prices=OWN, commitments=(held,))
    assert bill.total_usd == pytest.approx(3 * 1.2 + 7 * 2.0)
    assert bill.billed_usd == pytest.approx({"none": 3.6, "partial": 1.8, "all": 0.0}[upfront] + 14.0)
    told = "ri: its term ends 3 h after the start of the usage, which goes on to 10 h: what it covered is paid without"
    assert any(note.startswith(told) for note in bill.notes)
    again = billed(tmp_path, [run(0, 10)], prices=OWN, commitments=(replace(held, renewed=True),))
    assert again.total_usd == pytest.approx(12.0)


def test_a_contract_that_ends_within_the_usage_is_told(tmp_path: Path) -> None:
    """Only commitments for years said that their term is over."""
    bill = billed(tmp_path, [run(0, 30)], prices=OWN, commitments=(take_or_pay(since_h=-20),))
    [told] = [note for note in bill.notes if "its term ends" in note]
    assert told.startswith("block: its term ends 4 h after the start of the usage, which goes on to 30 h")
    assert told.endswith("add the one that follows it, if there is one")
    whole = billed(tmp_path, [run(0, 4)], prices=OWN, commitments=(take_or_pay(since_h=0),))
    assert not any("its term ends" in note for note in whole.notes)


def test_rates_that_are_not_below_on_demand_are_told(tmp_path: Path) -> None:
    """A plan said that it covers nothing, and not why; a reservation at the price of a month said nothing."""
    plan = SavingsPlan(name="sp", commitment=1.0, rates={"x.large": 2.5})
    held = ReservedInstances(name="ri", sku="x.large", count=2, price=900.0)
    notes = billed(tmp_path, [run(0, 4)], prices=OWN, commitments=(plan, held)).notes
    assert "sp: its rate is not below the price on demand of aws/x.large in r, which it does not cover" in notes
    assert "ri: $900.00 an hour of each x.large is above its price on demand, $2.00" in notes
    below = (replace(plan, rates={"x.large": 1.5}), replace(held, price=2.0))
    said = billed(tmp_path, [run(0, 4)], prices=OWN, commitments=below).notes
    assert not any("on demand" in note for note in said)


def test_what_begins_after_a_run_that_ends_within_an_hour_is_not_invoiced() -> None:
    """A run of 100 minutes has two clock-hours, the second of them cut; a payment at minute 105 lies behind it."""
    line = Line(provider="aws", sku="x.large", region="r", list_usd=2.0, contracted_usd=2.0, as_of="", quality="given")
    there = UsageIntervals(
        start_s=np.zeros(1), end_s=np.full(1, 6000.0), line=np.zeros(1, np.int64), units=np.ones(1), price_usd=None
    )
    account = metered([line], there, horizon_s=6000.0, start_s=None)
    settled = settle(account, [take_or_pay(since_h=1.75)], CATALOG)
    assert settled.billed_usd == settled.effective_usd == pytest.approx(2 * 100 / 60)
    paid = settle(account, [take_or_pay(since_h=1.5)], CATALOG)
    assert paid.billed_usd == pytest.approx(2 * 90 / 60 + 24)


@pytest.mark.parametrize("usage_sku", ["aws/g6e.xlarge", "AWS/G6e.XLarge"])
@pytest.mark.parametrize("plan_sku", ["g6e.xlarge", "G6E.xlarge"])
def test_upper_and_lower_case_of_an_sku_change_no_bill(tmp_path: Path, usage_sku: str, plan_sku: str) -> None:
    """The catalog finds a price in any case; a reservation then covered nothing, and the plan's own price was passed
    over, where case differed."""
    rows = [run(0, 10, sku=usage_sku, region="us-east-1")]
    held = ReservedInstances(sku=plan_sku, count=2, discount=0.4)
    assert billed(tmp_path, rows, commitments=(held,)).total_usd == pytest.approx(2 * 10 * 0.6 * 1.861)
    assert billed(tmp_path, rows, prices={plan_sku: 1.0}).total_usd == pytest.approx(10)
    plan = SavingsPlan(commitment=0.5, rates={plan_sku: 0.5})
    assert billed(tmp_path, rows, commitments=(plan,)).total_usd == pytest.approx(5)


def test_a_price_in_effect_in_another_currency_is_refused(tmp_path: Path) -> None:
    """It was taken for USD."""
    kind = {"pricing": "spot", "price": 0.9}
    with pytest.raises(FaultsError, match=r"usage\.csv:3: currency: 'EUR' is not USD; write the `price` in USD"):
        billed(tmp_path, [run(0, 1, **kind, currency="usd"), run(1, 2, **kind, currency="EUR")], prices=OWN)
    free = [run(0, 1, **kind, currency="USD"), run(1, 2, currency="EUR")]
    assert billed(tmp_path, free, prices=OWN).total_usd == pytest.approx(2.9)


@pytest.mark.parametrize(
    ("start", "step_h", "told"),
    [("start", 24.0, "24 h"), ("start", 1 / 12, "5 min"), ("start", 1.0, ""), ("hour", 24.0, "")],
)
def test_rows_without_an_end_that_are_not_an_hour_apart_are_told(
    tmp_path: Path, start: str, step_h: float, told: str
) -> None:
    """An inventory of days costs a 24th, samples of five minutes twelve times as much."""
    file = tmp_path / "usage.csv"
    rows = [f"{at(step_h * i)},aws/g6.xlarge,2" for i in range(10)]
    file.write_text("\n".join([f"{start},sku,quantity", *rows]) + "\n", encoding="utf-8")
    messages = [one["message"] for one in read_usage(file).findings]
    apart = f"no end: each row is taken as one hour, but they mostly begin {told} apart; give an `end` if a row is of"
    assert [message.startswith(apart) for message in messages] == [True] * bool(told)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"price": 1.5}, "1 row on demand with a price: it is read of spot alone"),
        (
            {"pricing": "Spot instance"},
            "pricing 'Spot instance' of 1 row is not known: taken as on demand; spot is called spot",
        ),
        ({"pricing": "Spot", "price": 1.5}, ""),
        ({"pricing": "On-Demand", "price": ""}, ""),
        ({"pricing": "Committed"}, ""),
    ],
)
def test_a_purchase_option_or_a_price_that_is_not_read_is_told(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    """The price of a row on demand, and spot by another word, were passed over: the list price was paid."""
    usage = read_usage(write(tmp_path, [run(0, 1, **more)]))
    said = [one["message"] for one in usage.findings if one["kind"] in ("price_not_read", "pricing_not_known")]
    assert len(said) == bool(told)
    assert told in " ".join(said)


def test_prices_of_nothing_that_is_used_are_told(tmp_path: Path) -> None:
    bill = billed(tmp_path, [run(0, 1)], prices={**OWN, "aws/y.large": 1.0}, spot={"z.large": 1.0})
    assert "the plan has prices of what this usage has nothing of: aws/y.large, z.large" in bill.notes
    assert not any("nothing of" in note for note in billed(tmp_path, [run(0, 1)], prices=OWN).notes)


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        ("hour,sku", "", "no quantity: each row is taken as one instance"),
        ("hour,sku,Anzahl", ",7", "; where one of Anzahl counts them, pass --map quantity=COLUMN"),
        ("hour,sku,quantity", ",7", ""),
        ("hour,sku,resource", ",node-1", ""),
    ],
)
def test_a_file_that_counts_no_instances_says_how_it_is_read(tmp_path: Path, header: str, row: str, told: str) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(f"{header}\n2026-01-05T08:00:00Z,aws/g6.xlarge{row}\n", encoding="utf-8")
    assert "".join(one["message"] for one in read_usage(file).findings).endswith(told)
    assert bool(told) == any(one["kind"] == "one_each" for one in read_usage(file).findings)
