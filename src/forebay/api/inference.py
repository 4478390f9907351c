"""The inference routes: chat completions, responses and messages, each in its own dialect."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from forebay.api.body import BodyLimits
from forebay.api.connection import Connection
from forebay.api.idempotency import refuse_idempotency_key
from forebay.api.keys import KeyRing
from forebay.core.errors import ForebayError
from forebay.core.ids import NewId
from forebay.core.lanes import Lane
from forebay.dialects.dialect import Dialect
from forebay.dialects.wire import decode_object
from forebay.lanes.admission import Accepted, Admission
from forebay.lanes.background import Background
from forebay.lanes.realtime import Realtime

log = logging.getLogger(__name__)


class InferenceRoute:
    """`POST` of one inference API, as an ASGI application."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        keys: KeyRing,
        admission: Admission,
        realtime: Realtime,
        background: Background,
        new_id: NewId,
        limits: BodyLimits,
    ) -> None:
        self._dialect = dialect
        self._keys = keys
        self._admission = admission
        self._realtime = realtime
        self._background = background
        self._new_id = new_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; every failure is answered in the dialect's words."""
        connection = Connection(scope, receive, send, request_id=self._new_id("req_"))
        try:
            await self._answer(connection)
        except ForebayError as error:
            await self._refuse(connection, error)
        except ClientDisconnect:
            log.info("caller left", extra={"request_id": connection.request_id})
        except asyncio.CancelledError:
            if not connection.is_gone:
                raise
            log.info("caller left", extra={"request_id": connection.request_id})
        except Exception:
            log.exception("call broke", extra={"request_id": connection.request_id})
            if not connection.has_begun:
                broken = ForebayError("The server had an error processing your request.")
                await self._refuse(connection, broken)
        finally:
            connection.unwatch()

    async def _answer(self, connection: Connection) -> None:
        caller = self._keys.authenticate(connection.headers)
        refuse_idempotency_key(connection.headers)
        body = await connection.body(self._limits)
        accepted = self._admission.admit(
            self._dialect.name,
            decode_object(body),
            caller,
            request_id=connection.request_id,
            header_window=connection.header(b"x-completion-window"),
        )
        if accepted.lane is Lane.BACKGROUND:
            await connection.send_json(await self._background.submit(accepted))
            return
        is_streamed = accepted.call.wishes.is_streamed
        connection.watch(is_streamed=is_streamed)
        if is_streamed:
            await self._stream(connection, accepted)
        else:
            await connection.send_json(await self._realtime.answer(accepted))

    async def _stream(self, connection: Connection, accepted: Accepted) -> None:
        try:
            async with aclosing(self._realtime.stream(accepted)) as events:
                async for piece in events:
                    await connection.send_events(piece)
        except ForebayError as error:
            if not connection.has_begun:
                raise
            # Keep-alive comments have opened the stream: the refusal must go into it.
            await connection.send_events(self._realtime.refusal(accepted, error))
        await connection.end_events()

    async def _refuse(self, connection: Connection, error: ForebayError) -> None:
        reply = self._dialect.error(error, request_id=connection.request_id)
        log.info(
            "call refused",
            extra={"request_id": connection.request_id, "code": error.code, "status": reply.status},
        )
        await connection.send_json(reply.body, status=reply.status, headers=reply.headers)
