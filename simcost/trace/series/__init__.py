"""Demand series: values per step of time, from tables or counted from a stored trace."""
