"""Spot policies compared from many starts along recorded availability (`simcost train spot`)."""
