"""Break-even of an own fleet against per-token APIs as demand grows (`simcost api`)."""
