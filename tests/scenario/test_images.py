"""Images: what a request takes, against a queue written out by hand; mixes, tables, and what contradicts itself."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenarios import write

from simcost.errors import InputError
from simcost.perf.images import UNIT_S, ImageTime, as_work, image_seconds
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.run import run
from simcost.trace.requests.batch import RequestBatch, concat
from simcost.trace.workload.arrivals import merged
from simcost.trace.workload.lengths import ImageKind, Images, pixels_of
from simcost.trace.workload.spec import Synthetic

MIX = "{kind: images, mix: [{size: 1024x1024, steps: 30, share: 3}, {size: 512x512, steps: 20}]}"
TEXT = f"""\
scenario: images
horizon: 10min
seeds: 1
model: llama-3.2-1b
engine_sigma: 0
workload: {{kind: synthetic, rate: 0.5/s, burst_cv: 1, lengths: {MIX}}}
slo: {{e2e: 20s}}
plans:
  - name: a
    replica: {{accelerator: l4, image_table: table.csv}}
    buy: {{offer: aws/g6.xlarge}}
    scaling: {{kind: fixed, replicas: 2}}
"""
TABLE = "size,steps,seconds\n512x512,20,1.1\n512x512,40,2.1\n1024x1024,20,2.3\n1024x1024,50,5.3\n"
TIMES = (ImageTime(size="512x512", fixed=0.1, step=0.05), ImageTime(size="1024x1024", fixed=0.3, step=0.1))


def scenario(folder: Path, *changes: tuple[str, str], table: str = TABLE) -> Path:
    (folder / "table.csv").write_text(table, encoding="utf-8")
    return write(folder, *changes, text=TEXT)


def faults(file: Path) -> str:
    return "\n".join(f"{fault.path}: {fault.message}" for fault in find_faults(file))


def test_a_replica_makes_one_image_after_the_other(tmp_path: Path) -> None:
    """The end of each image is that of a queue with one server and the times of the table."""
    file = scenario(tmp_path, ("replicas: 2", "replicas: 1"), ("0.5/s", "0.2/s"))
    loaded = load(file)
    [plan] = run(loaded, tmp_path / "out")["plans"]
    requests = concat(list(merged(loaded.scenario.open_workloads(), folder=tmp_path, seed=1, index=0, horizon_s=600.0)))
    arrival, free, ends = requests.arrival_ns * 1e-9, 0.0, []
    seconds = image_seconds(TIMES, requests.prompt_tokens, requests.output_tokens)
    assert sorted(set(seconds.round(9).tolist())) == [1.1, 3.3]
    for at, takes in zip(arrival.tolist(), seconds.tolist(), strict=True):
        free = max(free, at) + takes
        ends.append(free)
    done = np.array(ends) < 600.0
    assert plan["requests"]["completed"] == done.sum() > 50
    [rows] = (tmp_path / "out").rglob("outcomes.parquet")
    found = pq.read_table(rows, columns=["request", "e2e_s"], filters=[("status", "=", "completed")])
    expected = (np.array(ends) - arrival)[done]
    assert found.sort_by("request")["e2e_s"].to_numpy() == pytest.approx(expected, abs=1e-6)
    assert plan["unit_costs"]["usd_per_request"] == pytest.approx(plan["cost_usd"]["total"] / done.sum())
    of_tokens = ("usd_per_million_tokens", "usd_per_million_output_tokens")
    assert [plan["unit_costs"][name] for name in of_tokens] == [None, None]  # milliseconds and images are no tokens
    assert plan["cost_usd"]["per_million_output_tokens"] is None


def test_requests_follow_the_mix() -> None:
    mix = Images(mix=(ImageKind(size="1024x768", steps=30, share=3), ImageKind(size="512x512", steps=20)))
    workload = Synthetic(rate=100, lengths=mix)
    got = concat(list(merged([workload], folder=Path(), seed=1, index=0, horizon_s=600.0)))
    assert set(zip(got.prompt_tokens.tolist(), got.output_tokens.tolist(), strict=True)) == {
        (1024 * 768, 30),
        (512 * 512, 20),
    }
    assert (got.output_tokens == 30).mean() == pytest.approx(0.75, abs=0.01)


@given(st.lists(st.tuples(st.integers(512 * 512, 1024 * 1024), st.integers(1, 500)), min_size=1))
def test_work_is_time_in_units_and_grows_with_pixels_and_steps(images: list[tuple[int, int]]) -> None:
    pixels, steps = (np.array(column, np.int32) for column in zip(*images, strict=True))
    seconds = image_seconds(TIMES, pixels, steps)
    assert (image_seconds(TIMES, pixels, steps + 1) > seconds).all()
    assert (image_seconds(TIMES, np.minimum(pixels + 9, 1024 * 1024), steps) >= seconds).all()
    batch = RequestBatch(np.zeros(len(pixels), np.int64), pixels, steps)
    [work] = as_work(iter([batch]), TIMES)
    assert work.prompt_tokens * UNIT_S == pytest.approx(seconds, abs=UNIT_S / 2 + 1e-9)
    assert (work.output_tokens == 1).all()


def test_sizes_that_are_not_known_are_refused() -> None:
    for size in ("512x511", "1024x1025"):
        with pytest.raises(InputError, match="pixels, and times are known from 262,144 to 1,048,576; add a size"):
            image_seconds(TIMES, np.array([pixels_of(size)]), np.array([20]))


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("size,seconds\n", "table.csv: has the columns size, seconds, needs size, steps, seconds"),
        (TABLE + "512x512,40,1\n", "table.csv:6: 40 steps at 512x512 appear twice"),
        (TABLE + "512,40,1\n", "table.csv:6: '512,40,1' is not a size, its steps and seconds"),
        (TABLE + "640x640,40,-1\n", "table.csv:6: steps are 1 or more, and seconds above 0"),
        (TABLE + "640x640,40,1\n", "table.csv: has one number of steps at 640x640"),
        (TABLE + "640x640,40,1\n640x640,20,2\n", "table.csv: the rows of 640x640 do not lie on a line"),
        ("size,steps,seconds\n", "table.csv: has no rows"),
    ],
)
def test_a_wrong_table_is_located(tmp_path: Path, table: str, fault: str) -> None:
    assert f"plans.0.replica.image_table: {fault}" in faults(scenario(tmp_path, table=table))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("image_table: table.csv", "precision: fp8"), "replica.images: is required: requests ask for images"),
        ((MIX, "{prompt_median: 9}"), "replica.images: has no effect: requests ask for tokens"),
        (("512x512, steps", "256x256, steps"), "replica.images: an image has 65,536 pixels"),
        (("table.csv}", "table.csv, kv_tokens: 99}"), "replica: a replica that makes images has no kv_tokens"),
        (("table.csv}", "other.csv}"), "replica.image_table: no file 'other.csv'"),
        (("replicas: 2}", "replicas: 2}\n    batching: {max_batch: 4}"), "batching: is of tokens, and a replica makes"),
        (("replicas: 2}", "replicas: 2}\n    prefix_cache: {hit_share: 10%}"), "prefix_cache: is of tokens"),
    ],
)
def test_what_contradicts_itself_is_said_at_its_place(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    assert f"plans.0.{fault}" in faults(scenario(tmp_path, change))


def test_a_size_is_width_and_height(tmp_path: Path) -> None:
    assert pixels_of("1024x768") == 786_432
    assert "is not a size; write width and height in pixels" in faults(scenario(tmp_path, ("512x512", "512*512")))
