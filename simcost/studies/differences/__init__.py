"""Difference of two costs: two results, bills or months, cause by cause (`simcost diff`)."""
