"""Waste: where the GPU-hours of a cluster went, what they cost, and what would change it."""
