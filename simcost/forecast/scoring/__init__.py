"""How a forecast turned out, once the time has come."""
