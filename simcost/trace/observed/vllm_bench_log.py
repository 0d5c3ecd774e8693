"""Results that `vllm bench serve` and SGLang's bench_serving print, where no JSON was saved."""

from __future__ import annotations

import re
from typing import Any

_TITLE = "Serving Benchmark Result"
_LINE = re.compile(r"^\W*([A-Za-z][^:]*):\s+(\d[\d.]*|inf)\s*$")
_END = re.compile(r"^\W*={20,}\s*$")
_STATISTIC = re.compile(r"^(mean|median|p\d+) (ttft|tpot|itl|e2el|e2e latency) \(ms\)$")
_KEYS = {
    "successful requests": "completed",
    "failed requests": "failed",
    "maximum request concurrency": "max_concurrency",
    "max request concurrency": "max_concurrency",
    "traffic request rate": "request_rate",
    "request rate configured (rps)": "request_rate",
    "benchmark duration (s)": "duration",
    "total input tokens": "total_input_tokens",
    "total generated tokens": "total_output_tokens",
    "request throughput (req/s)": "request_throughput",
}
"""Lines, and the keys of the saved JSON that mean the same."""


def is_log(text: str) -> bool:
    """True if the text holds a printed result."""
    return _TITLE in text


def printed_results(text: str) -> list[dict[str, Any]]:
    """The results of a text, with the keys of the saved JSON; those before a title, such as the load, are of it."""
    results, found = [], dict[str, Any]()
    for line in text.splitlines():
        if _END.match(line) and "request_throughput" in found:
            results.append(found)
            found = {}
        elif match := _LINE.match(line):
            found |= _keyed(match[1].strip().lower(), match[2])
    return results + ([found] if "request_throughput" in found else [])


def _keyed(name: str, value: str) -> dict[str, Any]:
    statistic = _STATISTIC.match(name)
    key = f"{statistic[1]}_{statistic[2].replace(' ', '_')}_ms" if statistic else _KEYS.get(name)
    return {} if key is None else {key: float(value)}
