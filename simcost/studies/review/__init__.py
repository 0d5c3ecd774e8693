"""Capacity-planning review: a finished result as a document for those who decide (`simcost report`)."""
