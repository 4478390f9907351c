"""`POST /v1/responses/compact`, as an ASGI application."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from forebay.api.answered import answered
from forebay.api.body import BodyLimits
from forebay.api.client_request_id import client_request_id
from forebay.api.connection import Connection
from forebay.api.idempotency import idempotency_key, key_use
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.responses import Compaction as Compacted
from forebay.api.openapi.bodies import ServiceTier
from forebay.api.openapi.operation import MODEL, Answer, Group, JsonBody, Operation
from forebay.core.errors import (
    Conflict,
    ForebayError,
    IdempotencyKeySpent,
    NotFound,
    PreviousResponseNotFound,
)
from forebay.core.ids import NewId
from forebay.dialects.compaction import PARAMETERS, CompactionBody
from forebay.dialects.dialect import ErrorReply
from forebay.dialects.errors import openai_error
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object
from forebay.lanes.admission import Caller
from forebay.lanes.compaction import Compaction
from forebay.lanes.idempotency import Idempotency
from forebay.store.reservations import KeyTaken, KeyUse

PATH = "/v1/responses/compact"
PREFIX = "comp_"

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        group=Group.RESPONSES,
        summary="Compact a conversation",
        what="The user's messages stay as they are; a turn of the model, charged like any other, "
        "sums up the rest.",
        parameters=(parameters.WINDOW, parameters.IDEMPOTENCY_KEY),
        body=JsonBody(CompactionBody, PARAMETERS, also={"service_tier": ServiceTier}),
        example={"model": MODEL, "input": "Hello!"},
        answer=Answer(what="The compaction: the input of what follows.", shape=Compacted),
        runs=True,
        raises=(PreviousResponseNotFound, NotFound, Conflict),
    ),
)


class CompactionRoute:
    """Compacts a conversation while its caller waits; one that leaves ends the turn."""

    def __init__(
        self,
        compaction: Compaction,
        idempotency: Idempotency,
        *,
        keys: KeyRing,
        new_id: NewId,
        limits: BodyLimits,
    ) -> None:
        self._compaction = compaction
        self._idempotency = idempotency
        self._keys = keys
        self._new_id = new_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        connection = Connection(scope, receive, send, request_id=self._new_id("req_"))
        await answered(connection, self._answer, _words)

    async def _answer(self, connection: Connection) -> None:
        caller = self._keys.authenticate(connection.headers)
        connection.client_request_id = client_request_id(connection.headers)
        key = idempotency_key(connection.headers)
        content = await connection.body(self._limits)
        body = decode_object(content)
        connection.watch(is_streamed=False)
        window = connection.header(b"x-completion-window")
        use = key_use(key, caller, PATH, content, window=window)
        if use is None:
            compacted = await self._compact(connection, caller, body, self._new_id(PREFIX))
        else:
            compacted = await self._compact_once(connection, caller, body, use)
        await connection.send_json(compacted)

    async def _compact(
        self, connection: Connection, caller: Caller, body: JsonObject, compaction_id: str
    ) -> JsonObject:
        return await self._compaction.compact(
            caller,
            body,
            id=compaction_id,
            request_id=connection.request_id,
            header_window=connection.header(b"x-completion-window"),
        )

    async def _compact_once(
        self, connection: Connection, caller: Caller, body: JsonObject, use: KeyUse
    ) -> JsonObject:
        """Compact once; the key is spent then, for nothing of a compaction is kept."""
        if await self._idempotency.find(use) is None:
            compaction_id = self._new_id(PREFIX)
            try:
                async with self._idempotency.holding(use, compaction_id) as hold:
                    compacted = await self._compact(connection, caller, body, compaction_id)
                    await self._idempotency.end(hold)
                    return compacted
            except KeyTaken:
                await self._idempotency.find_taken(use)
        raise IdempotencyKeySpent(
            "The compaction that this idempotency key was used for has ended, and is not stored."
        )


def _words(error: ForebayError, _: str) -> ErrorReply:
    return openai_error(error)
