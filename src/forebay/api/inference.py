"""The inference routes: chat completions, responses and messages, each in its own dialect."""

from __future__ import annotations

from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from forebay.api.answered import answered
from forebay.api.body import BodyLimits
from forebay.api.client_request_id import client_request_id
from forebay.api.connection import Connection
from forebay.api.idempotency import refuse_idempotency_key
from forebay.api.keys import KeyRing
from forebay.core.errors import ForebayError
from forebay.core.ids import NewId
from forebay.core.lanes import Lane
from forebay.dialects.dialect import Dialect, DialectName, ErrorReply
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.messages_version import HEADER
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object
from forebay.lanes.admission import Accepted, Admission, Caller, Context
from forebay.lanes.background import Background
from forebay.lanes.contexts import Contexts
from forebay.lanes.realtime import Realtime


class InferenceRoute:
    """`POST` of one inference API, as an ASGI application."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        keys: KeyRing,
        admission: Admission,
        contexts: Contexts,
        realtime: Realtime,
        background: Background,
        new_id: NewId,
        limits: BodyLimits,
    ) -> None:
        self._dialect = dialect
        self._keys = keys
        self._admission = admission
        self._contexts = contexts
        self._realtime = realtime
        self._background = background
        self._new_id = new_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; every failure is answered in the dialect's words."""
        connection = Connection(scope, receive, send, request_id=self._new_id("req_"))
        await answered(connection, self._answer, self._words)

    async def _answer(self, connection: Connection) -> None:
        caller = self._keys.authenticate(connection.headers)
        refuse_idempotency_key(connection.headers)
        connection.client_request_id = client_request_id(connection.headers)
        body = decode_object(await connection.body(self._limits))
        if isinstance(self._dialect, MessagesDialect):
            self._dialect.check_version(body, connection.header(HEADER))
        accepted = self._admission.admit(
            self._dialect.name,
            body,
            caller,
            context=await self._context(caller, body),
            request_id=connection.request_id,
            header_window=connection.header(b"x-completion-window"),
        )
        if accepted.lane is Lane.BACKGROUND:
            await connection.send_json(await self._background.submit(accepted))
            return
        is_streamed = accepted.call.wishes.is_streamed
        connection.watch(is_streamed=is_streamed, silent_s=self._realtime.refuses_after_s(accepted))
        if is_streamed:
            await self._stream(connection, accepted)
        else:
            await connection.send_json(await self._realtime.answer(accepted))

    async def _context(self, caller: Caller, body: JsonObject) -> Context | None:
        if self._dialect.name is not DialectName.RESPONSES:
            return None
        return await self._contexts.of(caller, body)

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

    def _words(self, error: ForebayError, request_id: str) -> ErrorReply:
        return self._dialect.error(error, request_id=request_id)
