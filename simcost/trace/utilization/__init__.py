"""Utilization of accelerators, as monitoring systems export it."""
