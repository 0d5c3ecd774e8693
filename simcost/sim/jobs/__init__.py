"""Jobs on a cluster: queues, gangs and nodes, event by event."""
