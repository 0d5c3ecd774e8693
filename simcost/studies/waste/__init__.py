"""Waste: GPU-hours of a cluster that did no work, their cost, and remedies (`simcost waste`)."""
