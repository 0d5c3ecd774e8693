"""Small scenarios for tests, and an engine that costs nothing to run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simcost.ledger.requests import OUTCOMES, Ledger

SMALL = """\
scenario: small
model: llama-3.2-1b
horizon: 10min
seeds: 2
workload:
  kind: synthetic
  rate: 0.5/s
  lengths: {prompt_median: 100, output_median: 20}
slo: {ttft: 1s, attainment: 95%}
plans:
  - name: one
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
  - name: two
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 2}
"""


def write(folder: Path, *changes: tuple[str, str], text: str = SMALL, name: str = "small.yaml") -> Path:
    """A scenario file with parts of its text replaced; each part must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


class Engine:
    """Stands in for the simulator: counts its calls, and may fail from one of them on."""

    def __init__(self, fail_at: int | None = None, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.calls = 0
        self.fail_at, self.error = fail_at, error

    def __call__(self, pool: Any, arrivals: Iterator[Any], *, rows: Path | None, **options: Any) -> Ledger:
        import pyarrow.parquet as pq
        from support.ledgers import ledger, outcomes

        self.calls += 1
        if self.fail_at is not None and self.calls >= self.fail_at:
            if rows is not None:
                rows.write_bytes(b"half a file")
            raise self.error
        count, end = pool.scaling.initial(), options["horizon_s"]
        options["progress"](0.5)
        if rows is not None:
            pq.write_table(OUTCOMES.empty_table(), rows)
        return ledger(
            [(0.0, end)] * count,
            [(i, "ready", 0.0, end, end / 2) for i in range(count)],
            horizon_s=end,
            felt=outcomes(rows=rows),
        )
