"""Columns of the tables of a ledger of requests: nodes, replicas, the fleet over time, outcomes.

Times are seconds from the start of the run.
"""

import pyarrow as pa

NODES = pa.schema(
    [
        ("pool", pa.string()),
        ("node", pa.int64()),
        ("kind", pa.int64()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
    ]
)
"""One row per node: from the order to the release (or the end of the run). Input of an instance bill. kind: which of
the kinds of nodes that the plan may order, from 0.
"""

REPLICAS = pa.schema(
    [
        ("pool", pa.string()),
        ("replica", pa.int64()),
        ("node", pa.int64()),
        ("state", pa.string()),  # starting, ready, draining
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("busy_s", pa.float64()),  # with at least one request in the system; 0 while starting
    ]
)
"""One row per replica, state and ledger window; rows of a replica follow each other without gap."""

TIMELINE = pa.schema(
    [
        ("t_s", pa.float64()),
        ("desired", pa.int64()),
        ("ready", pa.int64()),
        ("starting", pa.int64()),
        ("draining", pa.int64()),
        ("running", pa.int64()),
        ("waiting", pa.int64()),
        ("kv_tokens", pa.int64()),
    ]
)
"""Samples of the fleet at regular times; waiting includes the gateway."""

EVENTS = pa.schema([("t_s", pa.float64()), ("what", pa.string()), ("value", pa.float64())])
"""Events of the fleet. what, value: desired: replicas wanted from then on. started: a replica became ready, after so
many seconds from its order. provisioned: of those seconds, the ones it waited for a node and its image. refused: an
order of a node, for want of capacity. noticed: a node will be taken back, with so many replicas on it. interrupted,
node_failed, zone_failed, node_late: a node was lost, with so many replicas. replica_failed: one crashed. preempted: one
had to go for a service of higher priority. failed_start: one began again. cut: a drain ended by its grace period.
unread NAME: at the end, a metric that had no value at any decision.
"""
UNREAD = "unread "

PULSE = pa.schema(
    [
        ("t_s", pa.float64()),
        ("arrived", pa.int64()),
        ("desired", pa.int64()),
        ("ready", pa.int64()),
        ("starting", pa.int64()),
        ("waiting", pa.int64()),
    ]
)
"""The fleet minute by minute, finer than the timeline where runs are long; arrived counts from the start."""

WINDOWS = pa.schema(
    [
        ("start_s", pa.float64()),
        ("arrived", pa.int64()),
        ("completed", pa.int64()),
        ("rejected", pa.int64()),
        ("timed_out", pa.int64()),
        ("lost", pa.int64()),
        ("good", pa.int64()),
        ("late", pa.int64()),
        ("prompt_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("too_long", pa.int64()),
    ]
)
"""Outcomes by the window in which the request ARRIVED. good: completed within all limits. late: still in the
system at the end of the run and already past a limit. Tokens are those of completed requests. too_long: of those that
arrived, the ones longer than the KV cache of any replica, which are rejected."""

OUTCOMES = pa.schema(
    [
        ("request", pa.int64()),
        ("arrival_s", pa.float64()),
        ("status", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
        ("ttft_s", pa.float64()),
        ("e2e_s", pa.float64()),
        ("preemptions", pa.int32()),
        ("retries", pa.int32()),
    ],
    metadata={"order": "completion"},
)
"""One row per request that left: completed, rejected, timed_out, or lost with its replica. ttft_s is null without a
first token. retries: how often its replica was taken from it; of clients that retry, how often they sent it again.
TPOT is (e2e_s - ttft_s) / (output_tokens - 1), undefined for a single output token."""
