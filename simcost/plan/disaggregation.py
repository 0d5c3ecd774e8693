"""Prefill and decode apart: the hand-over of requests from prefill replicas to decode replicas."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Le

from simcost.record import record
from simcost.units import BytesPerS, Count, Seconds, Share


@record
class Link:
    """Network from the prefill to the decode replicas: a transfer takes base + bytes / bandwidth."""

    bandwidth: BytesPerS = 25e9
    """Of an accelerator, used; 25 GB/s is half of a 400 Gbit/s network card. A replica of several accelerators has as
    many links, as far as the other side has."""
    base: Seconds = 50e-6
    """Time of a transfer of no bytes."""
    sharing: Literal["parallel", "fifo"] = "parallel"
    """parallel = transfers do not slow each other down; fifo = a decode replica fetches one after another."""


@record
class HandOver:
    """Rules by which requests go from prefill to decode replicas."""

    link: Link
    """Network between the two sides."""
    overlap: Literal["none", "layers"] = "none"
    """none = the KV cache is fetched when its prefill has ended (NIXL in vLLM); layers = each layer is sent once it is
    computed, so that only what the prefill does not hide is waited for."""
    first_output: Literal["decode", "prefill"] = "decode"
    """decode = the decode replica computes the last prompt token again and samples the first token (vLLM with llm-d);
    prefill = the first token comes with the KV cache (SGLang)."""
    local_below: Count = 0
    """Prompts of fewer tokens are prefilled where they decode; 0 = none (`nonCachedTokens` of llm-d)."""
    failures: Annotated[Share, Le(0.5)] = 0.0
    """Share of the transfers that fail."""
    on_failure: Literal["fail", "recompute"] = "fail"
    """fail = the request is lost (the default of vLLM); recompute = the decode replica does its prefill."""
