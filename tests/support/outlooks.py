"""Forecasts of made-up demand: what documents, texts and charts are tested on."""

from dataclasses import replace
from functools import cache

import numpy as np

from simcost.forecast.events.apply import Base, Stated, apply
from simcost.forecast.events.schema import Launch, Promotion
from simcost.forecast.forecast import Forecast, forecast
from simcost.trace.series.series import Grid, Series

ODD = "a|b `*c*` <b>d</b> & \x1b[31m$e$_f_"
"""A name that HTML, Markdown and terminals would take for something else."""
START_S = 1_709_510_400  # Monday 2024-03-04 00:00 UTC


def demand(name: str = "chat", steps: int = 24 * 21, step_s: int = 3600, quantity: str = "requests") -> Series:
    """Demand with a daily wave, an outage, a spike, and a few missing steps."""
    rng = np.random.default_rng(5)
    wave = 1000 * (1.3 - np.cos(np.arange(steps) * step_s / 86400 * 2 * np.pi))
    values = wave * np.exp(rng.normal(0, 0.1, steps))
    if steps > 400:
        values[-100:-96] = 0
        values[-50] *= 9
        values[-200:-198] = np.nan
    return Series(name=name, quantity=quantity, grid=Grid(start_s=START_S, step_s=step_s), values=values)


@cache
def made(name: str = "chat", horizon: int = 48, paths: int = 60) -> Forecast:
    """A forecast of hourly demand."""
    return forecast(demand(name), horizon, paths=paths)


@cache
def stated(name: str = "chat", horizon: int = 48) -> Stated:
    """It with a launch and a promotion."""
    one = made(name, horizon)
    events = (
        Launch(name=f"launch {ODD}", share=0.3, range=(0.2, 0.5), start="+12h", ramp=12 * 3600.0),
        Promotion(name="sale", start="+30h", end="+36h", factor=1.5),
    )
    return apply(events, Base(history=one.series, point=one.mean, paths=one.paths), zone="UTC", seed=1)


def renamed(one: Forecast, quantity: str) -> Forecast:
    """The forecast of something else."""
    return replace(one, series=replace(one.series, quantity=quantity))
