"""The inference routes: chat completions, responses and messages, each in its own dialect."""

from __future__ import annotations

from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from forebay.api.answered import answered
from forebay.api.body import BodyLimits
from forebay.api.client_request_id import client_request_id
from forebay.api.connection import Connection
from forebay.api.idempotency import idempotency_key, key_use
from forebay.api.keys import KeyRing
from forebay.api.repeats import Repeats
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
from forebay.lanes.idempotency import Idempotency
from forebay.lanes.realtime import Realtime
from forebay.store.database import Operation
from forebay.store.reservations import KeyTaken, KeyUse


class InferenceRoute:
    """`POST` of one inference API, as an ASGI application."""

    def __init__(
        self,
        dialect: Dialect,
        path: str,
        *,
        keys: KeyRing,
        admission: Admission,
        contexts: Contexts,
        realtime: Realtime,
        background: Background,
        idempotency: Idempotency,
        repeats: Repeats,
        new_id: NewId,
        limits: BodyLimits,
    ) -> None:
        self._dialect = dialect
        self._path = path
        self._keys = keys
        self._admission = admission
        self._contexts = contexts
        self._realtime = realtime
        self._background = background
        self._idempotency = idempotency
        self._repeats = repeats
        self._new_id = new_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; every failure is answered in the dialect's words."""
        connection = Connection(scope, receive, send, request_id=self._new_id("req_"))
        await answered(connection, self._answer, self._words)

    async def _answer(self, connection: Connection) -> None:
        caller = self._keys.authenticate(connection.headers)
        key = idempotency_key(connection.headers)
        connection.client_request_id = client_request_id(connection.headers)
        content = await connection.body(self._limits)
        body = decode_object(content)
        if isinstance(self._dialect, MessagesDialect):
            self._dialect.check_version(body, connection.header(HEADER))
        window = connection.header(b"x-completion-window")
        use = key_use(key, caller, self._path, content, window=window)
        # Looked for first: what the call refers to may be gone by now.
        made_id = None if use is None else await self._idempotency.find(use)
        if made_id is not None:
            await self._repeats.answer(connection, caller, body, made_id)
            return
        accepted = self._admission.admit(
            self._dialect.name,
            body,
            caller,
            context=await self._context(caller, body),
            request_id=connection.request_id,
            header_window=window,
        )
        if use is None:
            await self._run(connection, accepted)
        else:
            await self._run_once(connection, accepted, use)

    async def _run(self, connection: Connection, accepted: Accepted) -> None:
        if accepted.lane is Lane.BACKGROUND:
            await self._submit(connection, accepted)
        else:
            await _deliver(connection, await self._turn(connection, accepted))

    async def _run_once(self, connection: Connection, accepted: Accepted, use: KeyUse) -> None:
        """Run a call whose key was free a moment ago; of two that are as fast, one runs."""
        call, caller = accepted.call, accepted.caller
        try:
            if accepted.lane is Lane.BACKGROUND:
                first = self._idempotency.reserving(use, call.id)
                await self._submit(connection, accepted, first=first)
                return
            async with self._idempotency.holding(use, call.id) as hold:
                final = await self._turn(connection, accepted, first=hold.ending)
        except KeyTaken:
            made_id = await self._idempotency.find_taken(use)
            await self._repeats.answer(connection, caller, call.body, made_id)
            return
        await _deliver(connection, final)

    async def _submit(
        self, connection: Connection, accepted: Accepted, *, first: Operation[None] | None = None
    ) -> None:
        queued = await self._background.submit(accepted, first=first)
        if accepted.call.wishes.is_streamed:
            await self._repeats.join(connection, accepted.caller, accepted.call.id)
        else:
            await connection.send_json(queued)

    async def _turn(
        self, connection: Connection, accepted: Accepted, *, first: Operation[None] | None = None
    ) -> JsonObject | None:
        """Run the call; returns its final object, or None when all of its events were sent."""
        is_streamed = accepted.call.wishes.is_streamed
        connection.watch(is_streamed=is_streamed, silent_s=self._realtime.refuses_after_s(accepted))
        if not is_streamed:
            return await self._realtime.answer(accepted, first=first)
        await self._stream(connection, accepted, first)
        return None

    async def _context(self, caller: Caller, body: JsonObject) -> Context | None:
        if self._dialect.name is not DialectName.RESPONSES:
            return None
        return await self._contexts.of(caller, body)

    async def _stream(
        self, connection: Connection, accepted: Accepted, first: Operation[None] | None
    ) -> None:
        try:
            async with aclosing(self._realtime.stream(accepted, first=first)) as events:
                async for piece in events:
                    await connection.send_events(piece)
        except ForebayError as error:
            if not connection.has_begun:
                raise
            # Keep-alive comments have opened the stream: the refusal must go into it.
            await connection.send_events(self._realtime.refusal(accepted, error))

    def _words(self, error: ForebayError, request_id: str) -> ErrorReply:
        return self._dialect.error(error, request_id=request_id)


async def _deliver(connection: Connection, final: JsonObject | None) -> None:
    if final is None:
        await connection.end_events()
    else:
        await connection.send_json(final)
