"""Decisions of an autoscaler on recorded metrics (`simcost autoscale`)."""
