"""Facts with unit, source and date: accelerators, models, priced instances, billing rules, step-time fits.

The facts are the CSV files in `facts/`; a user's own folder of files with the same names extends or
overrides them row by row.
"""

from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import (
    Accelerator,
    BillingRule,
    HardwareFit,
    Model,
    Offer,
    StepFactor,
    TierPrice,
    TokenPrice,
)
from simcost.catalog.loading import load_catalog
from simcost.catalog.processors import parts_of, replicas_on
from simcost.catalog.slices import Slice

__all__ = [
    "Accelerator",
    "BillingRule",
    "Catalog",
    "HardwareFit",
    "Model",
    "Offer",
    "Slice",
    "StepFactor",
    "TierPrice",
    "TokenPrice",
    "load_catalog",
    "parts_of",
    "replicas_on",
]
