"""Forecasting models: members, their combination, models for special histories, and the registry of names."""
