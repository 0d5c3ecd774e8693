"""An own fleet against per-token APIs as demand grows: where one becomes cheaper than the other."""
