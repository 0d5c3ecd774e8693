"""Forecasts: from a history of demand to a distribution of futures.

Members are fitted to a cleaned history, combined, backtested, and drawn as sample paths over the whole
horizon; user events are applied to them. Nothing here opens a file.
"""
