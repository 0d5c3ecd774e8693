"""Demand to come, from a file to a page."""
