"""Prices per token: charges of a model API for a trace."""
