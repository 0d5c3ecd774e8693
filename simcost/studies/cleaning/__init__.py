"""Cleaning of results folders: what can be made again, and nothing that simcost has not written."""
