"""Stored ledgers, sample paths and results folders: written whole or not at all, checked when read."""
