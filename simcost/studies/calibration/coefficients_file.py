"""The YAML file of a calibration: the mapping that a plan's `replica` takes, and where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simcost import __version__
from simcost.scenario.runs.provenance import dump
from simcost.studies.calibration.study import Calibration, overhead_of, step_of
from simcost.trace.observed import ObservedEngine
from simcost.units import format_count

_HEAD = "# Calibration by `simcost calibrate`; a plan takes it as `replica: {from: THIS_FILE}`.\n"


def coefficients_text(result: Calibration, inputs: dict[str, str]) -> str:
    """The file.

    Args:
        result: the calibration.
        inputs: SHA-256 of the observed files by their paths.
    """
    document, today = result.document, datetime.now(UTC).date().isoformat()
    return _HEAD + dump(
        {
            "replica": _replica(result, today),
            "batching": {name: document[name] for name in ("max_num_seqs", "max_num_batched_tokens")},
            "calibration": {
                "date": today,
                "simcost_version": __version__,
                "kind": document["kind"],
                "model": document["model"],
                "engine": document["engine"],
                "requests": document["requests"],
                "points": document["points"],
                "sigma": round(result.sigma, 4),
                "fit": _rounded(document["fit"]),
                "holdout": _rounded(document["holdout"]),
                "not_identified": [row["coefficient"] for row in document["not_identified"]],
                "inputs": inputs,
            },
        }
    )


def _replica(result: Calibration, today: str) -> dict[str, Any]:
    step, spec, known = step_of(result), result.engine.spec, result.engine.configuration
    found: dict[str, Any] = {}
    if spec is not None:
        found = {name: getattr(spec, name) for name in ("accelerator", "tp", "precision", "kv_precision")}
        found["memory_utilisation"] = spec.memory_utilisation
    elif known.tp:
        found["tp"] = known.tp
    if known.kv_tokens is not None:
        found["kv_tokens"] = known.kv_tokens
    names = {"a": "a_s", "b": "b_s_per_token", "c": "c_s_per_sequence", "d": "d_s_per_token", "q": "q_s_per_pair"}
    found["step"] = {short: float(f"{getattr(step, name):.6g}") for short, name in names.items()}
    if step.base:
        knots = [{"tokens": tokens, "seconds": float(f"{base_s:.5g}")} for tokens, base_s in step.base]
        found["step"] |= {"base": knots}
    found["step"] |= {"sigma": round(result.sigma, 4), "source": _source(result, today)}
    found["first_token_overhead"] = round(overhead_of(result), 6)
    return found


def _source(result: Calibration, today: str) -> str:
    document = result.document
    what = f"{document['points']} benchmark points" if document["points"] else f"{document['requests']} requests"
    on = [str(part) for part in (document["model"], document["engine"]) if part]
    return f"calibrated {today} on {what}" + (f" of {', '.join(on)}" if on else "") + _reach(result.observation)


def _reach(observed: ObservedEngine) -> str:
    """Words on the loads that were observed, beyond which the coefficients extrapolate."""
    run, points = observed.run, observed.points
    if run is not None:
        longest, most = int(run.prompt_tokens.max()), run.most_at_a_time
    else:
        longest = round(max(max(point.prompt_tokens.values()) for point in points))
        clients = [point.concurrency for point in points]
        most = max((one for one in clients if one is not None), default=0) if None not in clients else 0
    return f"; observed: prompts up to {format_count(longest)} tokens" + (f", {most:,} requests at a time" * bool(most))


def _rounded(errors: dict[str, dict[str, float | None]]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(value, 4) for key, value in error.items() if value is not None}
        for name, error in errors.items()
        if any(value is not None for value in error.values())
    }
