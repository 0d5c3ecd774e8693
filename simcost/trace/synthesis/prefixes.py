"""Prefix identity of synthesized requests, as the columns of a stored trace."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from simcost.trace.requests.batch import NO_SESSION, Ints, RequestBatch

BLOCK_TOKENS = 512
"""Tokens in a block of the hashes written; that of the public Mooncake traces."""
_BLOCK_BITS = 20


def with_sessions(batch: RequestBatch, system_tokens: Sequence[int], serial: int) -> pa.Table:
    """The batch with columns `session` and `prefix_hashes`.

    A full block is known by its conversation and place, those of a system prompt by their client and place. The
    last block of a prompt, where it is not full, is known to nobody: its hash is a negative serial number.

    Args:
        batch: with sessions; the number of a session modulo the clients is its client.
        system_tokens: that the prompts of each client share.
        serial: requests written before.
    """
    session = batch.sessions()
    label = pa.array(session, mask=session == NO_SESSION).cast(pa.string()).dictionary_encode()
    hashes, offsets = _hashes(batch, session, np.asarray(system_tokens) // BLOCK_TOKENS, serial)
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(hashes))
    return pa.table({
        "arrival_ns": batch.arrival_ns, "prompt_tokens": batch.prompt_tokens,
        "output_tokens": batch.output_tokens, "session": label, "prefix_hashes": lists,
    })  # fmt: skip


def _hashes(batch: RequestBatch, session: Ints, system_blocks: Ints, serial: int) -> tuple[Ints, Ints]:
    """The hashes of all requests one after the other, and where those of each begin."""
    blocks = np.where(session == NO_SESSION, 0, -(-batch.prompt_tokens // BLOCK_TOKENS))
    offsets = np.concatenate([[0], np.cumsum(blocks)])
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], blocks)
    client = session % len(system_blocks)
    shared = place < np.repeat(system_blocks[client], blocks)
    owner = np.where(shared, np.repeat(client, blocks), np.repeat(session + len(system_blocks), blocks))
    hashes = (owner << _BLOCK_BITS) + place
    partial = (blocks > 0) & (batch.prompt_tokens % BLOCK_TOKENS > 0)
    hashes[offsets[1:][partial] - 1] = -1 - serial - np.flatnonzero(partial)
    return hashes, offsets
