"""Commitments to buy: the mix of least cost over the demand that may come, and its risk (`simcost commit`)."""
