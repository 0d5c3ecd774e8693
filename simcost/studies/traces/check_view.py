"""Simulated latencies beside observed ones, as parts."""

from simcost.present.format import seconds, share_change
from simcost.present.parts import Part, notes
from simcost.studies.traces.latency_check import LatencyCheck


def parts(result: LatencyCheck) -> list[Part]:
    """Parts below the verdict, on every screen."""
    rows = [
        {
            "latency": f"{row.metric.upper()} {row.statistic}",
            "observed": seconds(row.observed_s),
            "simulated": seconds(row.simulated_s),
            "error": share_change(row.error),
        }
        for row in result.rows
    ]
    return [Part(title="Latencies", titled=False, rows=rows), notes(result)]
