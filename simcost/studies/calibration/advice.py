"""Coefficients that an observation does not fix, and what to measure for each."""

from __future__ import annotations

from typing import Any

from simcost.studies.calibration.engine import Engine
from simcost.studies.calibration.fit import FittedParameters
from simcost.studies.calibration.parameters import COUNT, FACTOR, NAMES, OVERHEAD, Freedom
from simcost.trace.observed import Configuration
from simcost.trace.observed.observation import Finding, finding

KNOWN_SIGMA = 0.25
"""Standard deviation of a logarithm up to which a coefficient counts as known."""
_KNOWN_OVERHEAD = 0.5
"""The same of the overhead, in units of 10 ms."""
_NO_OVERHEAD = 20.0
"""From here on nothing is known of it: the largest that is tried."""
_LONG_PROMPT = 8192
_MEASURE = {
    "a_s": "TPOT at concurrency 1: almost all of such a step is a",
    "b_s_per_token": "TTFT without a queue, at prompts of 128 to 8,192 tokens",
    "c_s_per_sequence": "TPOT at concurrencies from 1 to max_num_seqs, with lengths that stay the same",
    "d_s_per_token": "TPOT at one concurrency with contexts from 500 to 8,000 tokens",
    "q_s_per_pair": "TTFT without a queue, at prompts of 8,192 tokens and more",
    "first_token_overhead_s": "TTFT of short prompts at concurrency 1",
    "kv_tokens": "the line `GPU KV cache size` that vLLM logs at its start: pass --kv-tokens N",
}


def not_identified(
    engine: Engine, fitted: FittedParameters, freedom: Freedom, longest_prompt: float
) -> list[dict[str, Any]]:
    """Each with its reason and the next measurement."""
    alone = freedom.free == (FACTOR,)
    rows = [_row("a_s", "only the factor on the whole step is fitted")] if alone else []
    rows += [
        _row(NAMES[k], _reason(fitted, k, engine))
        for k in range(1 if alone else 0, COUNT)
        if fitted.spread[k] > (_KNOWN_OVERHEAD if k == OVERHEAD else KNOWN_SIGMA)
    ]
    if longest_prompt < _LONG_PROMPT:
        within = "; taken as 0, so that b holds its part" if engine.start.q_s_per_pair == 0 else ""
        rows.append(_row("q_s_per_pair", f"no prompt is longer than {longest_prompt:,.0f} tokens{within}"))
    elif engine.start.q_s_per_pair == 0:
        taken = (
            f"never fitted, taken as 0 although prompts have up to {longest_prompt:,.0f} tokens, so that b is too large"
        )
        rows.append(_row("q_s_per_pair", f"{taken}: pass --on ACCELERATOR and --model MODEL"))
    if engine.configuration.kv_tokens is None:
        origin = "computed from the memory of the accelerator" if engine.kv_tokens else "unknown"
        rows.append(_row("kv_tokens", f"not stated: {origin}"))
    return rows


def _reason(fitted: FittedParameters, k: int, engine: Engine) -> str:
    spread = fitted.spread[k]
    stays = "as the catalog has it" if engine.expected else "near its start"
    if spread == float("inf"):
        return f"not fitted to so few points; {stays}"
    if k == OVERHEAD and spread > _NO_OVERHEAD:
        return f"not seen; {stays}"
    if k == OVERHEAD:
        return f"known within {spread * 10:.0f} ms only"
    return f"known within a factor {1 + spread:.2g} only; held {stays}" if spread < 9 else f"not seen; {stays}"


def _row(name: str, reason: str) -> dict[str, Any]:
    return {"coefficient": name, "reason": reason, "measure": _MEASURE[name]}


_FAR_FROM_CATALOG = 2.0
"""Step time of the engine over that of the catalog, or the reverse, from which on the settings are doubted."""


def far_from_catalog(engine_factor: float | None, known: Configuration) -> list[Finding]:
    """A warning where the engine is so much faster or slower that it may be another one than was said."""
    if engine_factor is None or 1 / _FAR_FROM_CATALOG <= engine_factor <= _FAR_FROM_CATALOG:
        return []
    message = (
        f"the engine takes {engine_factor:.2g} times as long as the catalog expects of {known.model} on "
        f"{known.tp or 1} x {known.accelerator}: check that the log is of this model, accelerator, tp and precision, "
        "since coefficients that were not identified stay near the catalog's"
    )
    return [finding("far_from_catalog", message)]
