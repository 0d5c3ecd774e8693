"""Findings on a job log as a whole."""

from pathlib import Path

import pytest

from simcost.trace.jobs.reader import read_jobs


def kinds(folder: Path, rows: list[tuple[int, int, int]]) -> dict[str, int]:
    """Findings of a log of (submission, duration, GPUs) without ids, with their counts."""
    path = folder / "jobs.csv"
    path.write_text(
        "submit_s,duration_s,gpus\n" + "".join(f"{s},{d},{g}\n" for s, d, g in rows),
        encoding="utf-8",
    )
    return {
        said["kind"]: said["count"] for said in read_jobs(path)[1] if said["kind"] not in ("limit_assumed", "unsorted")
    }


ROWS = [(100 * i, 600 + 7 * i, 1 + i % 4) for i in range(100)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (ROWS, {}),
        (ROWS + ROWS, {"repeated": 100}),
        (ROWS + ROWS[:20], {"repeated": 20}),
        ([(100 * (i // 4), 600, 1) for i in range(100)], {}),  # an array of jobs that all run equally long
        ([*ROWS, (5, 600_000_000, 1)], {"most_of_work": 1}),
        ([*ROWS[:5], (5, 600_000_000, 1)], {}),  # of few jobs one may be most
        ([(s, d, 0) for s, d, _ in ROWS], {}),
        ([*ROWS, (100 * 100 + 8 * 86400, 60, 1)], {"gap": 1}),
    ],
    ids=["sound", "twice", "a part twice", "array", "milliseconds", "few", "no GPUs", "gap"],
)
def test_what_is_told_of_a_log(tmp_path: Path, rows: list[tuple[int, int, int]], expected: dict[str, int]) -> None:
    assert kinds(tmp_path, rows) == expected
