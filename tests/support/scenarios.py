"""Small scenarios for tests, and an engine that costs nothing to run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simcost.ledger.request_tables import OUTCOMES
from simcost.ledger.requests import Ledger

YAML_WORDS = ("", "x", "0", "-1", "null", "[]", "{}", ":", '"', "1e99", "true", "\n", "  ")
"""Words by which a change of a YAML text may break it."""

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

SERVICES = """\
scenario: small
horizon: 10min
seeds: 2
services:
  - name: chat
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 0.5/s, lengths: {prompt_median: 100, output_median: 20}}
    slo: {ttft: 1s, attainment: 95%}
  - name: search
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 0.3/s, lengths: {prompt_median: 200, output_median: 30}}
    slo: {ttft: 2s, attainment: 90%}
defaults:
  replica: {accelerator: l4}
  services:
    chat: {buy: {offer: aws/g6.xlarge}}
    search: {buy: {offer: aws/g6.2xlarge}}
plans:
  - name: one
    services:
      chat: {scaling: {kind: fixed, replicas: 1}}
      search: {scaling: {kind: fixed, replicas: 1}}
  - name: two
    services:
      chat: {scaling: {kind: fixed, replicas: 2}}
      search: {scaling: {kind: fixed, replicas: 1}}
"""
"""A scenario of two services, each on nodes of its own."""


def alone(service: str) -> str:
    """The scenario of one service of SERVICES as one pool a plan; `search` has the same scaling in both plans."""
    model, rate, lengths, slo, offer, most = {
        "chat": ("llama-3.2-1b", "0.5/s", "100, output_median: 20", "1s, attainment: 95%", "g6.xlarge", 2),
        "search": ("llama-3.1-8b", "0.3/s", "200, output_median: 30", "2s, attainment: 90%", "g6.2xlarge", 1),
    }[service]
    return f"""\
scenario: small
horizon: 10min
seeds: 2
model: {model}
workload: {{kind: synthetic, rate: {rate}, lengths: {{prompt_median: {lengths}}}}}
slo: {{ttft: {slo}}}
defaults: {{replica: {{accelerator: l4}}, buy: {{offer: aws/{offer}}}}}
plans:
  - {{name: one, scaling: {{kind: fixed, replicas: 1}}}}
  - {{name: two, scaling: {{kind: fixed, replicas: {most}}}}}
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
