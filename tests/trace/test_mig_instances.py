"""Samples of MIG instances: summed to whole GPUs by their slices, or refused with the remedy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simcost.errors import TraceError
from simcost.trace.utilization.reader import read_utilisation

HEAD = "timestamp,gpu,GPU_I_ID,GPU_I_PROFILE,pod,DCGM_FI_PROF_GR_ENGINE_ACTIVE,DCGM_FI_DEV_FB_USED\n"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(text: str) -> Path:
        path = tmp_path / "mig.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return save


def rows(*lines: str, head: str = HEAD) -> str:
    return head + "".join(f"2024-05-01T00:0{minute}:00Z,{line}\n" for minute in range(3) for line in lines)


def test_instances_are_summed_by_their_slices(write: Write) -> None:
    text = rows("0,1,3g.40gb,,0.5,100", "0,2,4g.40gb,b,0.25,300", "1,,,c,0.9,50", "2,7,1g.10gb+me,,0,10")
    samples, findings = read_utilisation(write(text))
    assert samples.units == ("0", "1", "2")
    by_gpu = samples.duty.reshape(3, 3)
    assert np.allclose(by_gpu[0], 0.5 * 3 / 7 + 0.25 * 4 / 7)
    assert np.allclose(by_gpu[1], 0.9)
    assert samples.allocated.reshape(3, 3)[:, 0].tolist() == [1, 1, 0]
    assert (samples.memory_used_bytes.reshape(3, 3)[:, 0] / 2**20).tolist() == [400, 50, 10]
    assert samples.gpus.tolist() == [1.0] * 9
    assert [one["count"] for one in findings if one["kind"] == "mig"] == [9]


def test_a_gpu_whose_instances_are_all_busy_is_busy(write: Write) -> None:
    samples, _ = read_utilisation(write(rows("0,1,3g.40gb,a,1,1", "0,2,4g.40gb,b,1,1")))
    assert samples.duty.tolist() == [1.0] * 3


def test_the_row_of_the_gpu_gives_way_to_its_instances_and_the_last_of_two_counts(write: Write) -> None:
    text = rows("0,,,a,0.9,1", "0,1,7g.80gb,a,0.1,1", "0,1,7g.80gb,a,0.2,1")
    assert read_utilisation(write(text))[0].duty.tolist() == [0.2] * 3


def test_a_row_a_metric_is_summed_too(write: Write) -> None:
    head = "timestamp,__name__,gpu,GPU_I_ID,GPU_I_PROFILE,value\n"
    lines = [
        f"DCGM_FI_PROF_GR_ENGINE_ACTIVE,0,{i},{profile},{duty}"
        for i, profile, duty in ((1, "3g.40gb", 0.7), (2, "4g.40gb", 0))
    ]
    assert np.allclose(read_utilisation(write(rows(*lines, head=head)))[0].duty, 0.3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            rows("0,1,0.9", "0,2,0", head="timestamp,gpu,GPU_I_ID,DCGM_FI_PROF_GR_ENGINE_ACTIVE\n"),
            r"GPU_I_ID names MIG instances \(1, 2\).* keep the columns gpu and GPU_I_PROFILE",
        ),
        (rows("0,1,1g.24gb,a,1,1"), "'1g.24gb' does not say which part"),
        (rows("0,1,,a,1,1"), "'' does not say which part"),
    ],
)
def test_instances_whose_part_is_not_known_are_refused(write: Write, text: str, said: str) -> None:
    with pytest.raises(TraceError, match=said):
        read_utilisation(write(text))


def test_an_empty_instance_is_the_gpu(write: Write) -> None:
    samples, findings = read_utilisation(write(rows("0,,,a,0.9,1")))
    assert samples.duty.tolist() == [0.9] * 3
    assert not {"mig", "duplicate"} & {one["kind"] for one in findings}
