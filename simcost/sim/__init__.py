"""The discrete-event simulator: simpy control plane, compiled data plane. It knows time, not money."""
