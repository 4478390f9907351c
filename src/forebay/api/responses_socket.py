"""Responses over a WebSocket: many turns on one connection, one at a time.

Source of the wire facts: OpenAI's WebSocket guide. A caller sends `response.create` messages with
the body of a call; the events of its stream come back, a frame each. The last response is held by
the connection, so one that is not stored can be continued here and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress

from starlette.types import Message, Receive, Scope, Send

from forebay.api.idempotency import refuse_idempotency_key
from forebay.api.keys import KeyRing
from forebay.api.openapi.operation import Answer, Group, Operation
from forebay.core.errors import (
    ConnectionTooOld,
    ForebayError,
    InvalidParameter,
    Overloaded,
    UnsupportedParameter,
)
from forebay.core.ids import NewId
from forebay.dialects.dialect import Call, DialectName
from forebay.dialects.errors import openai_error
from forebay.dialects.responses_history import input_items, output_of
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_kept, decode_object, encode, payloads
from forebay.lanes.admission import Accepted, Admission, Context
from forebay.lanes.contexts import Contexts
from forebay.lanes.realtime import Realtime

MAX_AGE_S = 3600.0
MAX_WAITING = 16
CANCEL_AGAIN_S = 1.0
ONE_CALL = "a key is for one call, and a connection carries many; send the call by POST"

_ENDED_WELL = (b'{"type":"response.completed"', b'{"type":"response.incomplete"')

NORMAL_CLOSE = 1000
POLICY_CLOSE = 1008

log = logging.getLogger(__name__)


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/responses",
        group=Group.RESPONSES,
        summary="Ask for many responses over a WebSocket",
        what="Send `response.create` messages with the fields of a call; the events of its stream "
        "come back, a frame each. One turn runs at a time. `generate: false` prepares one.",
        answer=Answer(what="The connection is a WebSocket now.", status=101),
        is_websocket=True,
    ),
)


class ResponsesSocket:
    """The WebSocket of `/v1/responses`, as an ASGI application.

    What waits on one connection is at most some messages, and not much more than `max_bytes`.
    """

    def __init__(
        self,
        *,
        keys: KeyRing,
        admission: Admission,
        contexts: Contexts,
        realtime: Realtime,
        new_id: NewId,
        max_bytes: int,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self.keys = keys
        self.admission = admission
        self.contexts = contexts
        self.realtime = realtime
        self.new_id = new_id
        self.max_bytes = max_bytes
        self.max_age_s = max_age_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side ends it."""
        await receive()  # websocket.connect
        request_id = self.new_id("req_")
        try:
            self.keys.authenticate(scope["headers"])
            refuse_idempotency_key(scope["headers"], ONE_CALL)
        except ForebayError as error:
            await _deny(scope, send, error)
            return
        ids = [(b"x-request-id", request_id.encode())]
        await send({"type": "websocket.accept", "headers": ids})
        await _Session(self, scope, receive, send).run()


class _CallerLeft(Exception):
    """There is nobody to send anything to."""


class _Session:
    """One connection: what it holds, and the turns that wait for theirs."""

    def __init__(self, socket: ResponsesSocket, scope: Scope, receive: Receive, send: Send) -> None:
        self._socket = socket
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._send = send
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._waiting_bytes = 0
        self._held: dict[str, list[JsonObject]] = {}

    async def run(self) -> None:
        """Answer messages until the caller leaves or the connection is too old."""
        tasks = [asyncio.create_task(each()) for each in (self._read_all, self._answer_all)]
        try:
            ended, _ = await asyncio.wait(
                tasks, timeout=self._socket.max_age_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not ended:
                with suppress(_CallerLeft):
                    await self._refuse(ConnectionTooOld(self._socket.max_age_s))
                    await self._send({"type": "websocket.close", "code": NORMAL_CLOSE})
        finally:
            # Who has left wants no answer: its turn ends in the engine, too. A turn that is being
            # charged swallows one cancellation.
            left = set(tasks)
            while left:
                for task in left:
                    task.cancel()
                _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)

    async def _read_all(self) -> None:
        while True:
            message: Message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("bytes") or (message.get("text") or "").encode()
            # Not waited for: whoever waits here does not see the caller leave.
            is_full = self._waiting.full() or self._waiting_bytes > self._socket.max_bytes
            if is_full:
                with suppress(_CallerLeft):
                    await self._refuse(Overloaded("too many messages are waiting already"))
                continue
            self._waiting_bytes += len(text)
            self._waiting.put_nowait(text)

    async def _answer_all(self) -> None:
        with suppress(_CallerLeft):
            while True:
                await self._answer_next()

    async def _answer_next(self) -> None:
        text = await self._waiting.get()
        self._waiting_bytes -= len(text)
        try:
            await self._answer(text)
        except ForebayError as error:
            await self._refuse(error)
        except _CallerLeft:
            raise
        except Exception:
            log.exception("turn on a websocket broke")
            await self._refuse(ForebayError("The server had an error processing your request."))

    async def _answer(self, text: bytes) -> None:
        body = _body_of(decode_object(text))
        # A key may have been revoked since the connection was made.
        caller = self._socket.keys.authenticate(self._headers)
        try:
            context = await self._socket.contexts.of(caller, body, held=self._held)
            accepted = self._socket.admission.admit(
                DialectName.RESPONSES,
                body,
                caller,
                context=context,
                request_id=self._socket.new_id("req_"),
                header_window=self._header(b"x-completion-window"),
            )
            if body.get("generate") is False:
                await self._prepare(accepted, context)
                return
            await self._run(accepted, context)
        except ForebayError:
            self._held.pop(str(body.get("previous_response_id")), None)
            raise

    async def _run(self, accepted: Accepted, context: Context | None) -> None:
        async with aclosing(self._socket.realtime.stream(accepted)) as events:
            async for piece in events:
                for payload in payloads(piece):
                    await self._say(payload)
                    if payload.startswith(_ENDED_WELL):
                        self._hold(accepted.call, context, decode_kept(payload)["response"])

    async def _prepare(self, accepted: Accepted, context: Context | None) -> None:
        """Answer with nothing but an id, from which the next turn goes on."""
        for payload in payloads(await self._socket.realtime.prepare(accepted)):
            await self._say(payload)
        self._hold(accepted.call, context, {})

    def _hold(self, call: Call, context: Context | None, response: object) -> None:
        """Hold the last response, and no other."""
        assert isinstance(response, dict)
        own = call.body if context is None else context.own
        before = [] if context is None else context.before
        items = [*before, *input_items(call.id, own), *output_of(response)]
        self._held = {call.id: items}

    async def _refuse(self, error: ForebayError) -> None:
        reply = openai_error(error)
        frame = {"type": "error", "status": reply.status, **reply.body}
        await self._say(encode(frame))

    async def _say(self, payload: bytes) -> None:
        try:
            await self._send({"type": "websocket.send", "text": payload.decode()})
        except OSError:
            raise _CallerLeft from None

    def _header(self, name: bytes) -> str | None:
        for key, value in self._headers:
            if key == name:
                return value.decode("latin-1")
        return None


def _body_of(message: JsonObject) -> JsonObject:
    """Return the body of a call; raises `RequestRejected` for any other message."""
    kind = message.get("type")
    if kind != "response.create":
        raise InvalidParameter(
            f"Invalid value: '{kind}'. The one supported message is: 'response.create'.",
            param="type",
        )
    if message.get("background"):
        raise UnsupportedParameter("background", "a websocket carries synchronous turns only")
    # Everything here is streamed, whatever the message says of it.
    left_out = ("type", "stream", "stream_options")
    body = {name: value for name, value in message.items() if name not in left_out}
    return {**body, "stream": True}


async def _deny(scope: Scope, send: Send, error: ForebayError) -> None:
    """Refuse the connection before it is made, with a body where the server can send one."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_CLOSE})
        return
    reply = openai_error(error)
    headers = [(b"content-type", b"application/json")]
    start = {"type": "websocket.http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": encode(reply.body)})
