"""simcost: what an AI workload would cost, and how it would feel, on hardware you have not bought yet."""

__version__ = "0.1.0"
