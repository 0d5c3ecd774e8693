"""Bills in the FOCUS 1.2 format: one row per hour, resource and charge.

Source: FinOps Open Cost and Usage Specification 1.2 (2025-05-29), CC-BY-4.0.
"""

from simcost.billing.focus.export import Stamp, focus_table

__all__ = ["Stamp", "focus_table"]
