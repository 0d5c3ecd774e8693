"""Cheapest plan that meets the SLO, found and confirmed by simulation (`simcost optimize`)."""
