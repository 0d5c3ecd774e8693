"""Monitored utilisation of accelerators."""
