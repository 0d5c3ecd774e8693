"""Usage settled under purchases."""
