"""The memory of the data plane: which number stands in which column. Shared by kernel and driver.

A replica is one row of `replicas`, a request one row of `nodes`. The requests of a replica form one doubly
linked list in the order in which they were routed. Admission is first come first served, and a preempted
request returns to the front of the queue; so the running requests are always a prefix of that list and the
waiting ones the rest, and within the running those still in prefill are a suffix.

    HEAD -> running, decoding ... -> PREFILLING -> ... -> WAIT_HEAD -> waiting ... -> TAIL
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

NIL = -1
NEVER = 2**62  # a time that does not come
CLOSED = 2**30  # load of a slot that takes no requests
NO_ORDER = 2**40  # OUT_OF_ORDER of a replica whose list is in another order
BLOCK = 16  # slots per block of next-event times
NODE_BITS = 24  # node number in a heap entry: at most 16.7 million requests in the system
NODE_LIMIT = 2**NODE_BITS

# Columns of `base`: the part of a step's time that its tokens make alone; and what of that is neither that of an empty
# step nor proportional to the tokens, so that fuller steps would hide it, in 2**COARSE ticks: a sum of it fits int64.
TIME, HIDDEN = range(2)
COARSE = 10

# Columns of `drafts`, where the engine speculates: time of drafting by decoding sequences, and what fuller steps would
# hide of it, as in `base`; tokens of a sequence summed over the first steps, up to 2**RATE_BITS of them.
DRAFT, DRAFT_HIDDEN, TOKENS_BEFORE = range(3)
RATE_BITS = 10

# Parameters of the pool (`parameters`), and of each kind of replica (`engines`): those up to WHOLE_PREFILL,
# FIRST_TOKEN_OVERHEAD, WEIGHT and those of speculation. CAPACITY of the pool: the longest request that any can hold.
B, C, D, E, E_SHIFT = range(5)  # step time in units, beside `base`; E is a fixed-point number
CAPACITY, BUDGET, MAX_SEQS, WHOLE_PREFILL, TIMEOUT, ROUTER, WINDOW, TICKS_PER_NS, SALT = range(5, 14)
# FIRST_TOKEN_OVERHEAD: ticks of each request outside of the engine, before its first token.
# Of routing and admission, in ticks: REFRESH is the age that signals may have, 0 = none, NIL = no signals.
(
    INFORMED,
    REFRESH,
    MAX_ONGOING,
    MAX_QUEUED,
    SATURATION,
    RATE_WINDOW,
    QUEUE_LIMIT,
    QUEUE_CACHE,
    BACKOFF,
    MAX_BACKOFF,
    PICKER,
    LOCAL,
    SCORERS,
    BY_SESSION,
) = range(14, 28)
FIRST_TOKEN_OVERHEAD, WEIGHT = 28, 29
# Where an API answers what would be rejected (OVERFLOWS): its time to the first token, and per further token.
OVERFLOWS, API_TTFT, API_TPOT = range(30, 33)
# SEQUENCE_ROWS: of each decoding sequence in a step, 1 = no speculation. TOKEN_RATE: its tokens in 2**RATE_BITS steps.
# DRAFT_SLOTS: of the cache that each running request keeps for drafts.
SEQUENCE_ROWS, TOKEN_RATE, DRAFT_SLOTS = range(33, 36)
# BATCH_WINDOW: ticks that an idle engine waits for more requests, from the arrival of the oldest; 0 = none.
# STEP_SHIFT: step times, and all that they are made of, are in units of 2**-STEP_SHIFT ticks.
BATCH_WINDOW, STEP_SHIFT = range(36, 38)
PARAMETERS = 38

# What becomes of requests while the pool is saturated (SATURATION), and how the picker picks (PICKER).
HOLD, REJECT = 1, 2
MAX_SCORE, RANDOM, WEIGHTED_RANDOM = range(3)
# Why `route` gives no slot: the request waits at the gateway, or is turned away.
WAITS, REFUSED = -1, -2

# Counters of the pool (`totals`).
(
    FREE,
    IN_SYSTEM,
    ARRIVED,
    COMPLETED,
    REJECTED,
    TIMED_OUT,
    SUM_ARRIVALS,
    SUM_DEPARTURES,
    GENERATED,
    STEPS,
    PREEMPTIONS,
    TURN,
    GATE_HEAD,
    GATE_TAIL,
    GATE_COUNT,
    ROWS,
    SLOTS,
    ROUTABLE,
    NOW,
    COMPLETED_PROMPT,
    COMPLETED_OUTPUT,
    LOST,
    REQUEUED,
    WAKE,
    SNAPSHOT,
    BACKED_OFF,
    SENT_HEAD,
    SENT_COUNT,
    OPENED,
    HIDDEN_TIME,
    OVERFLOWED,
    OVERFLOWED_PROMPT,
    OVERFLOWED_OUTPUT,
    NOTED,
    RUNNING_NOW,
    WAITING_NOW,
    KV_NOW,
    STEPS_NOW,
    HIDDEN_NOW,
) = range(39)
TOTALS = 39
# *_NOW: of all slots at NOW, the gateway among the waiting; the steps, and what of them is hidden, since the start.
# WAKE: when the head of the gateway's queue is tried next; AT_ONCE = now. SNAPSHOT: when the router was last told.
# NOTED: of the instants that are due, those at which the pool was noted.
AT_ONCE = 0

# Columns of `replicas`.
(
    RUN_START,
    RUN_STEPS,
    RUN_SEQS,
    RUN_FIRST,
    DECODED_STEPS,
    DECODING,
    KV,
    RESERVED,
    HEAD,
    TAIL,
    WAIT_HEAD,
    PREFILLING,
    RUNNING,
    WAITING,
    BUSY_SINCE,
    BUSY,
    PEAK_KV,
    IDLE_SINCE,
    LEAVING,
    LATEST,
    OUT_OF_ORDER,
    JOINED,
    FINISHED,
    READ,
    WRITTEN,
    SEEN_AT,
    SEEN_WAITING,
    SEEN_RUNNING,
    SEEN_KV,
    SEEN_LOAD,
    IN_FLIGHT_TOKENS,
    RECENT,
    OWNER,
    TOKENS_NOW,
    BUSY_NOW,
    QUEUED_NOW,
    REMAINDER,
) = range(37)
# LATEST: the latest arrival of those that came to it; OUT_OF_ORDER: requests of its list that came after later ones.
# JOINED to WRITTEN count since it became ready: requests that came, requests answered, prompt tokens, output tokens.
# SEEN_*: what the router knows of it, and since when (+ 1; 0 = never) (LOAD: blocks of a
# prefix, for a picker). RECENT: requests sent within RATE_WINDOW.
# OWNER: this replica, told from earlier ones in the same slot.
# Of NOW: TOKENS_NOW, tokens of the run in progress, which KV and WRITTEN do not have yet; BUSY_NOW, BUSY with the time
# since BUSY_SINCE; QUEUED_NOW, tokens of prompts that wait, where `count_queues` was called.
# REMAINDER: units of its steps so far beyond the last whole tick. RUN_FIRST: the first step of a run, in units.
REPLICA = 37
SLOT_BITS = 20

# Counters by kind of replica (`by_kind`), where there are several; the last five are of NOW. CREDIT: of its turns.
# SUM_*: of the times at which requests came to its replicas, and left them.
(K_STEPS, K_HIDDEN, K_JOINED, K_FINISHED, K_PROMPT, K_OUTPUT, K_GENERATED, K_CREDIT) = range(8)
(K_SUM_JOINED, K_SUM_LEFT) = 8, 9
(K_RUNNING_NOW, K_WAITING_NOW, K_KV_NOW, K_STEPS_NOW, K_HIDDEN_NOW) = range(10, 15)
BY_KIND = 15

# Columns of `nodes`. MARK: prefilled tokens while in prefill; while decoding, the `decoded` of the replica at its end.
# RETRIES: how often its replica was taken from it. PRIORITY, PREFIX: used by `clients` alone. OVERTAKEN: 1 = a request
# that arrived later came to its replica before it.
(
    NEXT,
    PREV,
    ARRIVAL,
    PROMPT,
    OUTPUT,
    DONE,
    MARK,
    FIRST,
    REQUEST,
    EVICTED,
    RETRIES,
    SESSION,
    PRIORITY,
    PREFIX,
    OVERTAKEN,
) = range(15)
NODE = 15

# Columns of `windows`, as the ledger's WINDOWS from `arrived` on, without `late`.
W_ARRIVED, W_COMPLETED, W_REJECTED, W_TIMED_OUT, W_LOST, W_GOOD, W_PROMPT, W_OUTPUT, W_TOO_LONG = range(9)
WINDOW_COUNTS = 9

# Columns of `rows`: one row per request that left. R_EVICTED is NIL where an API answered.
R_REQUEST, R_ARRIVAL, R_STATUS, R_PROMPT, R_OUTPUT, R_FIRST, R_END, R_EVICTED, R_RETRIES, R_SESSION = range(10)
ROW = 10
STATUSES = ("completed", "rejected", "timed_out", "lost")
IS_COMPLETED, IS_REJECTED, IS_TIMED_OUT, IS_LOST = range(4)

# Columns of `noted`.
N_ARRIVED, N_RUNNING, N_WAITING, N_KV = range(4)
NOTE = 4

# What becomes of the requests of a replica that is taken away.
MIGRATE, RETRY, LOSE = range(3)

# Columns of `limits` (float64).
TICK_S, TTFT, TPOT, E2E, SATURATED_QUEUE, SATURATED_KV = range(6)
# From SCORER on, the thresholds of pools in order; or per scorer of the picker: which it is, its weight, its threshold,
# its highest score where busy.
SCORER, SCORER_WIDTH = 6, 4
(BY_QUEUE, BY_RUNNING, BY_KV, BY_LOAD, BY_ACTIVE, BY_TOKENS, BY_AFFINITY, BY_PREFIX, BY_ADAPTER) = range(9)

# Why `advance` came back.
UNTIL, INPUT, OUTPUT_FULL, POOL_EMPTY, MEMORY_FULL, CLIENTS_FULL = range(6)


class State(NamedTuple):
    """The arrays of one pool; the driver owns them, the kernel works on them."""

    parameters: Ints
    engines: Ints
    """[kind, parameter]; where all replicas are alike, its one row is `parameters`."""
    base: Ints
    """[kind, tokens of a step, TIME or HIDDEN]; the last row is that of all longer steps too."""
    drafts: Ints
    """[kind, decoding sequences or steps, DRAFT, DRAFT_HIDDEN or TOKENS_BEFORE]; without meaning where SEQUENCE_ROWS is
    1.
    """
    kind: Ints
    """[slot, 0] the kind of each replica; of one dimension where all are alike."""
    by_kind: Ints
    """[kind, K_*]"""
    totals: Ints
    replicas: Ints
    """[slot, REPLICA]"""
    next_event: Ints
    """[slot] the next step boundary; NEVER while idle. Padded to whole blocks."""
    block_event: Ints
    """[block] no later than the earliest next_event of its slots."""
    load: npt.NDArray[np.int32]
    """[slot] requests at the replica; + CLOSED where it takes none."""
    routable: Ints
    """The slots that take requests, in the order they became ready; the second half is for those that are not full."""
    heap: Ints
    """[slot, max_num_seqs] min-heap of decoding requests: MARK << NODE_BITS | node."""
    nodes: Ints
    """[node, NODE]"""
    histograms: npt.NDArray[np.int32]
    """[window, metric, bucket]"""
    windows: Ints
    """[window, W_*]"""
    limits: npt.NDArray[np.float64]
    rows: Ints
    """[row, R_*] outcomes not yet collected; empty where rows are not kept."""
    memory: Ints
    """Memory of the router: [entry, (time, OWNER)] a ring of what it sent; or [session, (_, OWNER)] the last slot of
    each session. The length of the ring is a power of two.
    """
    due: Ints
    """[instant] when the pool will be noted, in ticks and in order; the rest is NEVER, the last always."""
    noted: Ints
    """[instant, N_*] what was noted, at the first NOTED of them."""
