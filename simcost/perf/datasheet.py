"""The eight coefficients of an accelerator without measurements: its peaks, and the medians of those measured."""

from math import inf
from typing import Literal, TypedDict

from simcost.catalog.facts import Accelerator, HardwareFit
from simcost.errors import CatalogError


class _Medians(TypedDict):
    gemm_efficiency: float
    weight_efficiency: float
    attention_efficiency: float
    kv_efficiency: float
    layer_s: float
    allreduce_efficiency: float
    error: float
    left_out_error: float


_MEDIANS: dict[str, _Medians] = {
    "bf16": {
        "gemm_efficiency": 0.691,
        "weight_efficiency": 0.945,
        "attention_efficiency": 0.78,
        "kv_efficiency": 0.869,
        "layer_s": 57e-6,
        "allreduce_efficiency": 0.40,
        "error": 0.11,
        "left_out_error": 0.15,
    },
    "fp8": {
        "gemm_efficiency": 0.434,
        "weight_efficiency": 0.982,
        "attention_efficiency": 0.85,
        "kv_efficiency": 0.852,
        "layer_s": 73e-6,
        "allreduce_efficiency": 0.39,
        "error": 0.14,
        "left_out_error": 0.17,
    },
}
"""Over the fitted accelerators without L40S. Errors: predicting each from the medians of the others, mean and worst."""


def datasheet_fit(accelerator: Accelerator, tp: int, gemm: Literal["bf16", "fp8"]) -> HardwareFit:
    """Datasheet peaks with median efficiencies.

    Raises:
        CatalogError: tp > 1 on an accelerator without known link.
    """
    if tp > 1 and accelerator.link_bytes_per_s is None:
        raise CatalogError(
            f"the catalog has no link bandwidth of {accelerator.name}, needed for tp {tp}; use tp 1, add "
            "link_bytes_per_s to accelerators.csv in your catalog folder, or give `step`"
        )
    fp8_flops = accelerator.fp8_flops if gemm == "fp8" else None
    return HardwareFit(
        accelerator=accelerator.name,
        precision=gemm,
        peak_flops=fp8_flops or accelerator.bf16_flops,
        peak_bf16_flops=accelerator.bf16_flops,
        memory_bytes_per_s=accelerator.memory_bytes_per_s,
        link_bytes_per_s=accelerator.link_bytes_per_s or inf,
        allreduce_s=0.0,
        step_s=0.0,
        source=accelerator.source,
        as_of=accelerator.as_of,
        quality=accelerator.quality,
        **_MEDIANS[gemm],
    )
