"""Ledger x price book -> charges. It knows money, not time steps."""

from simcost.billing.charges import Bill, Charge, Costs
from simcost.billing.on_demand import OnDemand, bill

__all__ = ["Bill", "Charge", "Costs", "OnDemand", "bill"]
