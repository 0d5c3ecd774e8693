"""Simulated latencies beside observed ones, in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from simcost.present.format import printable
from simcost.present.text_table import table
from simcost.units import format_seconds

_WIDTH = 100


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `simcost trace check`."""
    rows = [
        [
            f"{row['metric'].upper()} {row['statistic']}",
            format_seconds(row["observed_s"]),
            format_seconds(row["simulated_s"]),
            f"{row['error']:+.1%}",
        ]
        for row in document["rows"]
    ]
    notes = [fill(f"note: {printable(each['message'])}", _WIDTH) for each in document["findings"]]
    shown = table(["latency", "observed", "simulated", "error"], rows)
    return "\n\n".join([fill(printable(document["verdict"]), _WIDTH), shown, *notes])
