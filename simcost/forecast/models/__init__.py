"""Forecasting models and their combination."""
