"""The routes that count a prompt's tokens: Anthropic's for messages, OpenAI's for responses."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send

from forebay.api.answered import answered
from forebay.api.body import BodyLimits
from forebay.api.client_request_id import client_request_id
from forebay.api.connection import Connection
from forebay.api.inference_operations import HELLO, MESSAGES_BODY, RESPONSES_BODY
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.counting import MessageTokens, ResponseTokens
from forebay.api.openapi.operation import MODEL, Answer, Group, Operation, Words
from forebay.core.errors import Conflict, ForebayError, NotFound, PreviousResponseNotFound
from forebay.core.ids import NewId
from forebay.dialects.dialect import Dialect, DialectName, ErrorReply
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.messages_version import HEADER
from forebay.dialects.token_counts import count_object
from forebay.dialects.wire import decode_object
from forebay.lanes.counting import Counting

PATHS: dict[DialectName, str] = {
    DialectName.MESSAGES: "/v1/messages/count_tokens",
    DialectName.RESPONSES: "/v1/responses/input_tokens",
}

OPERATIONS = (
    Operation(
        method="POST",
        path=PATHS[DialectName.MESSAGES],
        group=Group.MESSAGES,
        summary="Count the tokens of a prompt",
        what="Nothing is stored and nothing charged.",
        parameters=(parameters.WINDOW, parameters.VERSION),
        body=replace(
            MESSAGES_BODY, named="CountedMessagesBody", optional=frozenset({"max_tokens"})
        ),
        example={"model": MODEL, "messages": HELLO},
        answer=Answer(what="The count.", shape=MessageTokens),
        words=Words.ANTHROPIC,
        runs=True,
    ),
    Operation(
        method="POST",
        path=PATHS[DialectName.RESPONSES],
        group=Group.RESPONSES,
        summary="Count the tokens of an input",
        what="Nothing is stored and nothing charged.",
        parameters=(parameters.WINDOW,),
        body=RESPONSES_BODY,
        example={"model": MODEL, "input": "Hello!"},
        answer=Answer(what="The count.", shape=ResponseTokens),
        runs=True,
        raises=(PreviousResponseNotFound, NotFound, Conflict),
    ),
)


def counting_routes(
    counting: Counting,
    dialects: dict[DialectName, Dialect],
    *,
    keys: KeyRing,
    new_id: NewId,
    limits: BodyLimits,
) -> dict[str, ASGIApp]:
    """Return the routes by their paths, all for `POST`."""
    return {
        path: CountingRoute(counting, dialects[name], keys=keys, new_id=new_id, limits=limits)
        for name, path in PATHS.items()
    }


class CountingRoute:
    """Counts while its caller waits, for an engine may have to run the prompt."""

    def __init__(
        self,
        counting: Counting,
        dialect: Dialect,
        *,
        keys: KeyRing,
        new_id: NewId,
        limits: BodyLimits,
    ) -> None:
        self._counting = counting
        self._dialect = dialect
        self._keys = keys
        self._new_id = new_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; every failure is answered in the dialect's words."""
        connection = Connection(scope, receive, send, request_id=self._new_id("req_"))
        await answered(connection, self._answer, self._words)

    async def _answer(self, connection: Connection) -> None:
        caller = self._keys.authenticate(connection.headers)
        connection.client_request_id = client_request_id(connection.headers)
        body = decode_object(await connection.body(self._limits))
        if isinstance(self._dialect, MessagesDialect):
            self._dialect.check_version(body, connection.header(HEADER))
        connection.watch(is_streamed=False)
        name = self._dialect.name
        tokens = await self._counting.tokens(
            name, caller, body, header_window=connection.header(b"x-completion-window")
        )
        await connection.send_json(count_object(name, tokens))

    def _words(self, error: ForebayError, request_id: str) -> ErrorReply:
        return self._dialect.error(error, request_id=request_id)
