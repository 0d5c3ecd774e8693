"""Names of the forecasting models and of their options; pure, so that a scenario is checked without loading any."""

from typing import Literal

ModelName = Literal[
    "auto",
    "combination",
    "seasonal-naive",
    "seasonal-naive-week",
    "autoregression",
    "profile",
    "flat",
    "ets",
    "theta",
    "sarimax",
    "mstl",
    "regression",
    "planning",
    "intermittent",
]
"""`auto` is the one that suits the series: the combination unless a backtest says otherwise."""

GrowthMode = Literal["measured", "none", "stated"]
"""Growth in a forecast: what the history shows, nothing, or what the user states in its place."""
