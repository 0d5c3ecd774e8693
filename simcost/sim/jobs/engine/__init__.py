"""Job engine, compiled: queue passes, placement, preemption, the lifecycle of a job."""
