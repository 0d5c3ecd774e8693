"""The job queue, compiled: passes of the scheduler, placements, preemption."""
