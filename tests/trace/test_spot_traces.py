"""Reading availability and prices of spot."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import FaultsError, InputError, SimcostError, TraceError
from simcost.trace.spot import read_availability, read_prices, read_spot, with_prices

RUNS = "trace,gap_s,start_tick,ticks,nodes_available\n"


def write(folder: Path, text: str, name: str = "zone.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_runs_are_expanded_and_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "zone.csv.gz"
    path.write_bytes(gzip.compress((RUNS + "a,60,0,2,1\nb,30,0,1,4\na,60,2,1,0\n").encode()))
    first, second = read_availability(path)
    assert (first.name, first.gap_s, first.nodes.tolist(), first.span_s) == ("a", 60, [1, 1, 0], 180)
    assert (second.name, second.gap_s, second.nodes.tolist()) == ("b", 30, [4])


def test_the_public_traces(shared: Path) -> None:
    traces = {trace.name: trace for trace in read_availability(shared / "data" / "spot_availability_rle.csv.gz")}
    assert len(traces) == 17
    assert traces["availability/1-node/aws-02-15-2023/us-east-1a_v100_1"].nodes.mean() == pytest.approx(0.167, abs=1e-3)
    prices = read_prices(shared / "data" / "spot_prices_rle.csv")
    assert len(prices) == 6
    moving = with_prices(traces["preemption/1-node/aws-04-19-2023/us-east-1b_intel_64"], prices).usd_per_h
    assert moving is not None
    assert (len(moving), moving[0], moving[551], moving.max()) == (16090, 1.2754, 1.3024, 1.4107)


def test_changes_that_no_policy_looks_at_have_their_own_times(tmp_path: Path) -> None:
    """At ticks of 1800 s, the shortest time between two changes, nodes that came after 6000 s came after 7200."""
    path = write(tmp_path, "timestamp,available\n0,2\n1800,1\n6000,2\n9000,0\n20000,2\n")
    (ticked,), (exact,) = read_availability(path), read_availability(path, exact=True)
    assert (ticked.gap_s, exact.gap_s) == (1800, 200)
    changes = np.flatnonzero(np.diff(exact.nodes)) + 1
    assert (changes * exact.gap_s).tolist() == [1800, 6000, 9000, 20000]
    far = write(tmp_path, "timestamp,available\n0,2\n3601,1\n9000000,2\n", "far.csv")
    assert read_availability(far, exact=True)[0].gap_s == 3601


def test_a_hole_in_a_log_of_samples_is_told(tmp_path: Path) -> None:
    """83 hours without a sample, of 250, were taken as without spot; a log of changes may say as little for as long."""
    samples = [(300 * i, int(i % 50 < 40)) for i in range(3000) if not 999 < i < 2000]
    changes = [(9000 * i, i % 2) for i in range(60) if not 20 < i < 50]
    told = []
    for name, rows in (("samples.csv", samples), ("changes.csv", changes)):
        text = "".join(f"{at},{nodes}\n" for at, nodes in rows)
        (trace,) = read_availability(write(tmp_path, f"timestamp,available\n{text}", name))
        told.append([*trace.held_long()])
    assert told == [["samples says nothing for 3.48 d: the state before was taken to hold; was the log complete?"], []]
    text = "".join(f"{at},{nodes},{1 + at % 7}\n" for at, nodes in samples)
    (priced,) = read_availability(write(tmp_path, f"timestamp,available,price_usd_h\n{text}", "priced.csv"))
    assert [*priced.held_long()], "prices differ from sample to sample"


def test_changes_hold_until_the_next_and_prices_are_those_in_effect(tmp_path: Path) -> None:
    nodes = "timestamp,available\n2024-01-01T00:00:00Z,1\n2024-01-01T00:10:00Z,0\n2024-01-01T00:30:00Z,2\n"
    prices = "timestamp,price_usd_h\n2023-12-31T00:00:00Z,1\n2024-01-01T00:15:00Z,0.5\n"
    (trace,) = read_availability(write(tmp_path, nodes))
    assert (trace.name, trace.gap_s, trace.nodes.tolist()) == ("zone", 600, [1, 0, 0, 2])
    (fine,) = read_availability(tmp_path / "zone.csv", gap_s=300)
    assert fine.nodes.tolist() == [1, 1, 0, 0, 0, 0, 2]
    assert fine.silent_s == trace.silent_s == 1200
    priced = with_prices(trace, read_prices(write(tmp_path, prices, "prices.csv")))
    assert priced.usd_per_h is not None
    assert priced.usd_per_h.tolist() == [1, 1, 0.5, 0.5]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("timestamp,available\nx,1\n2024-01-01,-1\n", FaultsError, "zone.csv:2: timestamp: 'x' is not a time"),
        ("timestamp,available\n2024-01-01,1\n2024-01-02,\n", FaultsError, "zone.csv:3: available: the cell is empty"),
        (
            "timestamp,available\n2024-01-01,1\n2024-01-02T00:00:00Z,1\n",
            FaultsError,
            "zone.csv:2: timestamp: .*says no zone, but others",
        ),
        (
            RUNS + "a,60,0,5,1\na,60,6,1,0\n",
            FaultsError,
            "zone.csv:3: a run of 1 ticks from tick 6, where tick 5",
        ),
        (
            RUNS + "a,60,0,5,0.5\n",
            FaultsError,
            "zone.csv:.: nodes_available: '0.5' is not a whole number from 0 to 1,000,000,000",
        ),
        (RUNS + "a,60,0,5,1\na,30,5,5,1\n", FaultsError, "gap_s is 30"),
        (RUNS + "a,0,0,5,1\n", FaultsError, "gap_s: '0' is not a number above 0"),
        (RUNS + "a,60,0,1e12,1\n", FaultsError, "longer tick"),
        ("timestamp,available\n100,1\n100,2\n", FaultsError, "zone.csv:3: not later than the row before"),
        ("timestamp,available\n100,1\n", FaultsError, "at least two rows"),
        ("when,available\n1,2\n", TraceError, "no timestamp column found"),
        ("timestamp,available\n", TraceError, "no rows"),
    ],
)
def test_faults_are_located(tmp_path: Path, text: str, error: type[SimcostError], said: str) -> None:
    with pytest.raises(error, match=said):
        read_availability(write(tmp_path, text))


def test_lists_in_parquet_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"timestamp": [0, 300], "available": [[1], [0]]}), tmp_path / "zone.parquet")
    with pytest.raises(TraceError, match="column 'available' holds neither text nor numbers nor times, but list"):
        read_availability(tmp_path / "zone.parquet")


def test_prices_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (trace,) = read_availability(write(tmp_path, RUNS + "a,60,0,5,1\n"))
    several = read_prices(write(tmp_path, "trace,start_tick,ticks,price_usd_h\nb,0,5,1\nc,0,5,1\n", "p.csv"))
    with pytest.raises(InputError, match="no prices for the trace 'a'"):
        with_prices(trace, several)
    dated = read_prices(write(tmp_path, "timestamp,price_usd_h\n2024-01-01,1\n", "p.csv"))
    with pytest.raises(InputError, match="does not say when it began"):
        with_prices(trace, dated)
    (early,) = read_availability(write(tmp_path, "timestamp,available\n2023-01-01,1\n2023-01-02,1\n"))
    with pytest.raises(InputError, match="its first 2 ticks have none"):
        with_prices(early, dated)


@pytest.mark.parametrize("prices", ["dates", "seconds", "ticks"])
@pytest.mark.parametrize("trace", ["dates", "seconds", "ticks"])
def test_times_of_prices_and_trace_are_of_one_clock(tmp_path: Path, trace: str, prices: str) -> None:
    """Two files in seconds count from one unknown start; ticks are those of any trace."""
    day = {"dates": "2024-01-01T00:{:02d}:00Z", "seconds": "{}00"}
    there = "".join(f"{day[trace].format(at)},1\n" for at in (10, 20, 30)) if trace in day else "zone,60,0,3,1\n"
    paid = (
        [f"{day[prices].format(at)},{at}\n" for at in (5, 20)] if prices in day else ["zone,0,1,5\n", "zone,1,2,20\n"]
    )
    by_time, by_tick = ("timestamp,available\n", "timestamp,price_usd_h\n"), "trace,start_tick,ticks,price_usd_h\n"
    (one,) = read_availability(write(tmp_path, (by_time[0] if trace in day else RUNS) + there))
    given_prices = read_prices(write(tmp_path, (by_time[1] if prices in day else by_tick) + "".join(paid), "p.csv"))
    if prices in (trace, "ticks"):
        assert with_prices(one, given_prices).usd_per_h.tolist() == [5, 20, 20]  # type: ignore[union-attr]
        return
    theirs = "have dates" if prices == "dates" else "count seconds from an unknown start"
    ours = "has dates; give prices with dates" if trace == "dates" else "does not say when it began; give prices"
    with pytest.raises(InputError, match=f"the prices of 'p' {theirs}, but the trace 'zone' {ours}"):
        with_prices(one, given_prices)


def test_a_price_of_0_is_a_missing_one(tmp_path: Path) -> None:
    """Spot was free for weeks; where nothing is there its price does not matter."""
    prices = write(tmp_path, "timestamp,price_usd_h\n0,1\n3600,0\n7200,2\n")
    with pytest.raises(FaultsError, match=r":3: a price of 0 in .* is a missing one"):
        read_prices(prices)
    rows = "timestamp,available,price_usd_h\n0,1,1\n3600,{there},0\n7200,1,2\n"
    assert read_availability(write(tmp_path, rows.format(there=0)))[0].ticks == 3
    with pytest.raises(FaultsError, match=r":3: a price of 0"):
        read_availability(write(tmp_path, rows.format(there=2)))


def test_prices_as_aws_lists_them(tmp_path: Path) -> None:
    """`aws ec2 describe-spot-price-history`: JSON, the newest first, several types of instances in a zone."""
    listed = [
        ("a", "p5", "31", 3),
        ("a", "p4d", "9.1", 2),
        ("b", "p4d", "8.9", 1),
        ("a", "p5", "30", 1),
        ("a", "p4d", "8", 0),
    ]
    items = [
        {
            "AvailabilityZone": f"us-east-1{zone}",
            "InstanceType": kind,
            "ProductDescription": "Linux/UNIX",
            "SpotPrice": price,
            "Timestamp": f"2026-03-02T1{hour}:00:00+00:00",
        }
        for zone, kind, price, hour in listed
    ]
    path = write(tmp_path, json.dumps({"SpotPriceHistory": items}, indent=1), "prices.json")
    found = {prices.name: prices.usd_per_h.tolist() for prices in read_prices(path)}
    assert found == {"us-east-1a p4d": [8, 9.1], "us-east-1a p5": [30, 31], "us-east-1b p4d": [8.9]}
    table = "AvailabilityZone,InstanceType,SpotPrice,Timestamp\n" + "".join(
        f"{item['AvailabilityZone']},p4d,{item['SpotPrice']},{item['Timestamp']}\n" for item in items[1:3] + items[4:]
    )
    found = {prices.name: prices.usd_per_h.tolist() for prices in read_prices(write(tmp_path, table, "prices.csv"))}
    assert found == {"us-east-1a": [8, 9.1], "us-east-1b": [8.9]}
    (always,) = [trace for trace in read_spot(path) if trace.name == "us-east-1a p4d"]
    assert (always.assumed, always.usd_per_h[0], always.usd_per_h[-1]) == (True, 8, 9.1)  # type: ignore[index]


def test_rows_are_taken_in_the_order_of_their_times_and_once(tmp_path: Path) -> None:
    (trace,) = read_availability(write(tmp_path, "timestamp,available\n600,0\n0,2\n300,1\n300,1\n"))
    assert (trace.gap_s, trace.nodes.tolist(), trace.start_s, trace.dated) == (300, [2, 1, 0], 0, False)
    with pytest.raises(FaultsError, match=r"zone.csv:5: not later than the row before it in 'zone', by time"):
        read_availability(write(tmp_path, "timestamp,available\n600,0\n0,2\n300,1\n300,2\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"SpotPriceHistory": 3}', "its columns are: SpotPriceHistory"),
        ('{"SpotPriceHistory": [{"SpotPrice": "1"}]}', "no timestamp column found"),
        ('{"SpotPriceHistory": [{"SpotPrice": "x", "Timestamp": 0}]}', "price_usd_h|SpotPrice: 'x' is not a number"),
        ('[{"SpotPrice": 1, "Timestamp": 0}', "neither a comma nor the end"),
        ("{}", "column found"),
    ],
)
def test_json_that_is_no_list_of_prices_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_spot(write(tmp_path, text, "prices.json"))


@given(text=st.text(alphabet='0123456789.,-eT:Z\nabx "', max_size=80), runs=st.booleans())
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str, runs: bool) -> None:
    path = write(tmp_path_factory.mktemp("any"), (RUNS if runs else "timestamp,available\n") + text)
    try:
        traces = read_availability(path)
    except InputError:
        return
    assert all(len(trace.nodes) and (trace.nodes >= 0).all() and trace.gap_s > 0 for trace in traces)
    assert all(trace.nodes.dtype == np.int64 for trace in traces)
