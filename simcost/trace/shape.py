"""How the request rate of a synthetic workload varies over the day and the week."""

import numpy as np
import numpy.typing as npt

from simcost.trace.workload import Synthetic
from simcost.units import NS_PER_S

DAILY_CHAT = (0.89, 0.97, 0.95, 0.79, 0.80, 0.87, 1.01, 1.09, 1.11, 1.08, 0.97, 1.03,
              1.15, 1.27, 1.34, 1.24, 1.13, 1.09, 1.08, 1.01, 0.92, 0.77, 0.69, 0.72)  # fmt: skip
"""Requests by hour of the day (UTC) of a conversation service, over their mean: Monday to Friday,
13-17 May 2024. Source: Azure LLM inference dataset 2024 (Azure/AzurePublicDataset at b469a11, CC BY 4.0;
Stojkovic et al., "DynamoLLM", HPCA 2025), read off the plot of invocations per minute, a few percent off."""

_STEP_NS = 300 * NS_PER_S
_STEPS_A_DAY = 288


class Shape:
    """Expected number of requests up to any time; the rate is constant in steps of 5 minutes."""

    def __init__(self, spec: Synthetic, horizon_ns: int) -> None:
        steps = -(-horizon_ns // _STEP_NS)
        days = -(-steps // _STEPS_A_DAY)
        weekly = np.resize(np.array(spec.weekly or (1.0,)), days)
        relative = (weekly[:, None] * _daily(spec.daily or DAILY_CHAT)[None, :]).ravel()[:steps]
        self._knots_ns = np.minimum(np.arange(steps + 1) * _STEP_NS, horizon_ns)
        grown = np.concatenate([[0.0], np.cumsum(relative * np.diff(self._knots_ns))])
        if not grown[-1] > 0:
            raise ValueError("the daily and weekly shapes are zero throughout the run")
        self._expected = grown * (spec.rate * horizon_ns / NS_PER_S / grown[-1])

    def expected(self, time_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Expected requests from the start to each time."""
        expected: npt.NDArray[np.float64] = np.interp(time_ns, self._knots_ns, self._expected)
        return expected


def _daily(hours: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """The relative rate in each step of a day: that of the hours in their middle, linear in between."""
    hour = (np.arange(_STEPS_A_DAY) + 0.5) * 24 / _STEPS_A_DAY
    return np.interp(hour, np.arange(24) + 0.5, hours, period=24)
