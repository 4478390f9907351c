"""Bodies that are too large to be held: spooled as they come, and made something of once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request

from forebay.api.body import BodyLimits, body_pieces, refuse_declared
from forebay.api.idempotency import idempotency_key, print_use
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.request_spool import Spooled
from forebay.lanes.idempotency import Idempotency
from forebay.store.reservations import Birth


class SpooledRoute:
    """What the routes share that take such bodies, each on the path `path`."""

    def __init__(
        self,
        idempotency: Idempotency,
        limits: BodyLimits,
        *,
        path: str,
        id_prefix: str,
        receive: Callable[[AsyncIterator[bytes]], Awaitable[Spooled]],
    ) -> None:
        self._idempotency = idempotency
        self._limits = limits
        self._path = path
        self._id_prefix = id_prefix
        self._receive = receive

    async def once(
        self,
        request: Request,
        caller: Caller,
        *,
        window: str | None = None,
        make: Callable[[Spooled, Birth], Awaitable[JsonObject]],
        show: Callable[[str], Awaitable[JsonObject]],
    ) -> JsonObject:
        """Make something of the body, or show what its idempotency key made of it before.

        `make` leaves nothing behind when it fails. Raises `BodyTooLarge`, `BodyTimedOut`,
        `ClientDisconnect`, and what receiving and idempotency do.
        """
        headers = request.headers.raw
        key = idempotency_key(headers)
        refuse_declared(headers, self._limits.max_bytes)
        digest = hashlib.sha256()
        pieces = body_pieces(request.receive, timeout_s=self._limits.timeout_s)
        # Without a key nobody asks what the body was.
        spooled = await self._receive(pieces if key is None else _passing(pieces, digest.update))
        is_used = False

        async def make_of_it(birth: Birth) -> JsonObject:
            nonlocal is_used
            is_used = True
            return await make(spooled, birth)

        use = print_use(key, caller, self._path, digest, window=window)
        try:
            return await self._idempotency.once(use, self._id_prefix, make=make_of_it, show=show)
        finally:
            if not is_used:
                await spooled.abandon()


async def _passing(
    pieces: AsyncIterator[bytes], look: Callable[[bytes], None]
) -> AsyncIterator[bytes]:
    async for piece in pieces:
        look(piece)
        yield piece
