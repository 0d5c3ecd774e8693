"""Traces of one recording that began one after the other, and are replayed from the same instant."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from simcost.tables.paths import inside
from simcost.trace.workload.spec import RecordedWorkload, Workload
from simcost.units import format_seconds


def shifted_starts(workloads: Iterable[Workload], folder: Path) -> list[str]:
    """Sentences on traces that were recorded at the same time and began one after the other, as the parts of one log by
    tenant or model: in a run all begin at once.

    Raises:
        TraceError: a trace that cannot be read.
    """
    from simcost.trace.requests.store import open_trace

    paths = dict.fromkeys(one.path for one in workloads if isinstance(one, RecordedWorkload))
    infos = {path: open_trace(inside(folder, path)) for path in paths}
    dated = {path: datetime.fromisoformat(info.start_utc) for path, info in infos.items() if info.start_utc}
    if not dated:
        return []
    first = min(dated, key=lambda path: dated[path])
    later_s = {path: (start - dated[first]).total_seconds() for path, start in dated.items()}
    return [
        f"{path} began {format_seconds(late_s)} after {first} when they were recorded; here both begin at 0, "
        "and its requests come so much too early."
        for path, late_s in later_s.items()
        if 1.0 <= late_s < infos[first].span_s
    ]
