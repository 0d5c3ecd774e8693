"""Actions that right-size a plan, each proven by simulation (`simcost advise`)."""
