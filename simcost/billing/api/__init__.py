"""Prices per token: what a model API charges for a trace."""
