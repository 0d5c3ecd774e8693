"""Demand forecasts and their scores, from files to a page (`simcost forecast`)."""
