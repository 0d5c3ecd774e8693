"""Variation of the request rate of a synthetic workload over the day and the week."""

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.trace.synthesis.rates import CumulativeRate
from simcost.trace.workload.spec import Synthetic
from simcost.units import NS_PER_S

DAILY_CHAT = (
    0.89,
    0.97,
    0.95,
    0.79,
    0.80,
    0.87,
    1.01,
    1.09,
    1.11,
    1.08,
    0.97,
    1.03,
    1.15,
    1.27,
    1.34,
    1.24,
    1.13,
    1.09,
    1.08,
    1.01,
    0.92,
    0.77,
    0.69,
    0.72,
)
"""Requests by hour of the day (UTC) of a conversation service, over their mean: Monday to Friday,
13-17 May 2024. Source: Azure LLM inference dataset 2024 (Azure/AzurePublicDataset at b469a11, CC BY 4.0;
Stojkovic et al., "DynamoLLM", HPCA 2025), read off the plot of invocations per minute, a few percent off."""

_STEP_NS = 300 * NS_PER_S
_STEPS_A_DAY = 288


def shape(spec: Synthetic, horizon_ns: int) -> CumulativeRate:
    """Expected requests of a synthetic workload; the rate is constant in steps of 5 minutes.

    Raises:
        InputError: no length, or no rate anywhere in it.
    """
    if not 0 < horizon_ns < 2**63:
        raise InputError(f"horizon {horizon_ns / NS_PER_S:g} s: give a positive length below 292 years, e.g. 24h")
    steps = -(-horizon_ns // _STEP_NS)
    days = -(-steps // _STEPS_A_DAY)
    weekly = np.resize(np.array(spec.weekly or (1.0,)), days)
    relative = (weekly[:, None] * _daily(spec.daily or DAILY_CHAT)[None, :]).ravel()[:steps]
    knots_ns = np.minimum(np.arange(steps + 1) * _STEP_NS, horizon_ns)
    grown = np.concatenate([[0.0], np.cumsum(relative * np.diff(knots_ns))])
    if not grown[-1] > 0:
        raise InputError(
            "workload: the daily and weekly shapes are zero throughout the run; lengthen `horizon` or correct the shape"
        )
    return CumulativeRate(knots_ns, grown * (spec.rate * horizon_ns / NS_PER_S / grown[-1]))


def _daily(hours: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """The relative rate in each step of a day: that of the hours in their middle, linear in between."""
    hour = (np.arange(_STEPS_A_DAY) + 0.5) * 24 / _STEPS_A_DAY
    return np.interp(hour, np.arange(24) + 0.5, hours, period=24)
