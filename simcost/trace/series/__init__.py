"""Time series of demand."""
