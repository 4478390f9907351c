"""Inference calls that are sent again with their idempotency key: answered without new work."""

from __future__ import annotations

from contextlib import aclosing

from forebay.api.connection import Connection
from forebay.core.errors import IdempotencyKeySpent, NotFound, StillRunning
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import DialectName
from forebay.dialects.replay import replayed_chat, replayed_response
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import DONE, decode_kept, encode
from forebay.lanes.admission import Caller
from forebay.lanes.background import Background
from forebay.lanes.stored_chats import StoredChats
from forebay.lanes.stored_responses import StoredResponses

_RUNNING = (RequestStatus.QUEUED, RequestStatus.IN_PROGRESS)


class Repeats:
    """Answers repeated calls of one inference API with what the first one has made."""

    def __init__(
        self,
        name: DialectName,
        background: Background,
        responses: StoredResponses,
        chats: StoredChats,
    ) -> None:
        self._name = name
        self._background = background
        self._responses = responses
        self._chats = chats

    async def answer(
        self, connection: Connection, caller: Caller, body: JsonObject, made_id: str
    ) -> None:
        """Send what was made for this body, as a stream if it asks for one.

        Raises `IdempotencyKeySpent` when that was not stored, or is deleted.
        """
        is_streamed = bool(body.get("stream"))
        try:
            if is_streamed and self._name is DialectName.RESPONSES and body.get("background"):
                await self.join(connection, caller, made_id)
                return
            made = await self._made(caller, made_id)
        except NotFound:
            raise IdempotencyKeySpent(
                "The call that this idempotency key was used for has ended, and its answer "
                f"'{made_id}' was not stored or is deleted."
            ) from None
        if is_streamed:
            await connection.send_events(self._replayed(decode_kept(made), body))
            await connection.end_events()
        else:
            await connection.send_json(made)

    async def join(self, connection: Connection, caller: Caller, request_id: str) -> None:
        """Send the stream of a background response from its start.

        A caller that leaves changes nothing of it. Raises `NotFound` when there is none.
        """
        connection.watch(is_streamed=True)
        has_begun = False
        async with aclosing(self._background.events(caller, request_id)) as events:
            async for piece in events:
                if piece == DONE and not has_begun:
                    # Its events are kept for a while only, its final object for longer.
                    response = decode_kept(await self._responses.get(caller, request_id))
                    piece = replayed_response(response)
                has_begun = True
                await connection.send_events(piece)
        await connection.end_events()

    async def _made(self, caller: Caller, made_id: str) -> bytes:
        match self._name:
            case DialectName.RESPONSES:
                return await self._responses.get(caller, made_id)
            case DialectName.CHAT:
                return encode(await self._chats.get(caller, made_id))
            case _:
                raise NotFound("answers of this API are not stored")

    def _replayed(self, made: JsonObject, body: JsonObject) -> bytes:
        if self._name is DialectName.CHAT:
            options = body.get("stream_options")
            is_usage_wanted = isinstance(options, dict) and bool(options.get("include_usage"))
            return replayed_chat(made, is_usage_wanted=is_usage_wanted)
        if made["status"] in _RUNNING:
            raise StillRunning(f"The call goes on in the background as '{made['id']}'.")
        return replayed_response(made)
