"""A batch is followed to its end: looked at again and again, ever less often."""

from __future__ import annotations

from collections.abc import AsyncIterator

from forebay.cli.batch.calls import Calls
from forebay.cli.batch.shapes import BatchView
from forebay.cli.batch.submission import path_of

NEAR_S = (0.05, 1.0)
FAR_S = (1.0, 5.0)
"""The first and the longest time between two looks: at this machine's server, and at others."""

GROWTH = 1.3


async def followed(calls: Calls, batch_id: str) -> AsyncIterator[BatchView]:
    """Yield the batch as it stands, until it has ended: the last one has.

    Raises `ServerAnswered` or `ServerGone`.
    """
    pause_s, longest_s = NEAR_S if calls.server.is_loopback else FAR_S
    while True:
        batch = await calls.get(path_of(batch_id), BatchView)
        yield batch
        if batch.has_ended:
            return
        await calls.pause(pause_s)
        pause_s = min(longest_s, pause_s * GROWTH)
