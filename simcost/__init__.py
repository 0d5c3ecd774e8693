"""simcost: what an AI workload would cost, and the latency its users would see, on hardware you have not bought yet."""

__version__ = "0.1.0"
