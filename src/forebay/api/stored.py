"""Stored responses: look, wait, read the stream, what was asked, cancel, retry, delete."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits, whole_body
from forebay.api.idempotency import idempotency_key, key_use
from forebay.api.keys import KeyRing
from forebay.api.lasting import ends_with_caller, event_stream
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.response_events import ResponseEvent
from forebay.api.openapi.answers.responses import ItemPage
from forebay.api.openapi.answers.responses import Response as ResponseObject
from forebay.api.openapi.answers.shared import Deleted
from forebay.api.openapi.operation import Answer, Group, Operation, Parameter
from forebay.api.routes import (
    check_query,
    flag_of,
    included,
    is_oldest_first,
    json_response,
    limit_of,
)
from forebay.core.errors import (
    BodyTimedOut,
    BodyTooLarge,
    ContextTooLong,
    InvalidParameter,
    PreviousResponseNotFound,
    RequestRejected,
    UnknownModel,
    WindowNotOffered,
)
from forebay.dialects.lists import page_of
from forebay.dialects.responses import check_include
from forebay.dialects.wire import encode
from forebay.lanes.admission import Caller
from forebay.lanes.background import Background
from forebay.lanes.idempotency import Idempotency
from forebay.lanes.stored_responses import StoredResponses
from forebay.store.reservations import Birth

MAX_WAIT_S = 600
ID_PREFIX = "resp_"

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_NUMBER = re.compile(r"(-?)0*([0-9]+)")
MAX_DIGITS = 18  # of a number that a database holds; no stream has so many events

ONE = "/v1/responses/{id}"

OPERATIONS = (
    Operation(
        method="GET",
        path=ONE,
        group=Group.RESPONSES,
        summary="Look at a response",
        what="A background response has ended when its `status` is neither `queued` nor "
        "`in_progress`: poll for that here, or wait. The events of one that was asked for with "
        "`stream: true` can be read again, from anywhere, by any number of readers.",
        parameters=(
            parameters.INCLUDE,
            Parameter(
                "wait",
                Annotated[float, Meta(ge=0, le=MAX_WAIT_S)],
                "Answer when the response has ended, or after so many seconds.",
            ),
            Parameter("stream", bool, "Answer with its events, live until it has ended."),
            Parameter(
                "starting_after",
                int,
                "With `stream`: only events with a greater `sequence_number`.",
            ),
            Parameter(
                "include_obfuscation",
                bool,
                "Named for the vendor's clients; no event is padded in any case.",
            ),
        ),
        answer=Answer(
            what="The response, or with `stream` its events.",
            shape=ResponseObject,
            event=ResponseEvent,
        ),
    ),
    Operation(
        method="DELETE",
        path=ONE,
        group=Group.RESPONSES,
        summary="Delete a response",
        answer=Answer(what="It is gone; its charge stays.", shape=Deleted),
        raises=(RequestRejected,),
    ),
    Operation(
        method="GET",
        path=ONE + "/input_items",
        group=Group.RESPONSES,
        summary="List what a response was asked with",
        parameters=(
            parameters.AFTER,
            parameters.limit(default=20, most=100),
            parameters.order(default="desc"),
            parameters.INCLUDE,
        ),
        answer=Answer(what="A page of items.", shape=ItemPage),
    ),
    Operation(
        method="POST",
        path=ONE + "/cancel",
        group=Group.RESPONSES,
        summary="Cancel a background response",
        what="Its turn ends in the engine at once. Cancelling again changes nothing.",
        answer=Answer(what="The response.", shape=ResponseObject),
        raises=(RequestRejected,),
    ),
    Operation(
        method="POST",
        path=ONE + "/retry",
        group=Group.RESPONSES,
        summary="Run a background response that has ended again",
        what="As a new one, in the same window, counted from now, with the same webhook; its "
        "`forebay.retry_of` names the one before. There is no body.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        answer=Answer(what="The new response, `queued`.", shape=ResponseObject),
        raises=(
            RequestRejected,
            UnknownModel,
            WindowNotOffered,
            ContextTooLong,
            PreviousResponseNotFound,
            BodyTooLarge,
            BodyTimedOut,
        ),
    ),
)

# The vendor's clients repeat `include`, and some name the beta of an API in its query.
MANY = ("include[]", "include")
KNOWN = (*(parameter.name for parameter in OPERATIONS[0].parameters), "include", "beta")


def stored_routes(
    keys: KeyRing,
    background: Background,
    responses: StoredResponses,
    idempotency: Idempotency,
    limits: BodyLimits,
) -> list[Route]:
    """Return the routes under `/v1/responses/{id}`."""

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, KNOWN, many=MANY)
        check_include(included(request))
        response_id, wait_s = request.path_params["id"], _wait_s(request)
        starting_after = _starting_after(request)
        if flag_of(request, "stream"):
            _refuse_beside(request, "wait", "stream=false")
            await responses.check_events(caller, response_id)
            events = background.events(caller, response_id, starting_after=starting_after)
            return await event_stream(events)
        _refuse_beside(request, "starting_after", "stream=true")
        if not wait_s:
            return json_response(await responses.get(caller, response_id))
        async with ends_with_caller(request.receive):
            return json_response(await responses.get(caller, response_id, wait_s=wait_s))

    async def asked(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_include(included(request))
        items = await responses.asked(caller, request.path_params["id"])
        return json_response(
            page_of(
                items,
                limit=limit_of(request, default=20, most=100),
                after=request.query_params.get("after"),
                is_oldest_first=is_oldest_first(request),
            )
        )

    async def cancel(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await background.cancel(caller, request.path_params["id"]))

    async def retry(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        key = idempotency_key(request.headers.raw)
        body = await whole_body(request.headers.raw, request.receive, limits)
        if body.strip() not in (b"", b"{}"):
            raise RequestRejected("A retry takes no body: it runs what was asked before again.")
        return json_response(await _retried(caller, request, key))

    async def _retried(caller: Caller, request: Request, key: str | None) -> bytes:
        response_id = request.path_params["id"]

        async def make(birth: Birth) -> bytes:
            return encode(
                await background.retry(caller, response_id, new_id=birth.id, first=birth.first)
            )

        async def show(made_id: str) -> bytes:
            return await responses.get(caller, made_id)

        use = key_use(key, caller, request.url.path, b"")
        return await idempotency.once(use, ID_PREFIX, make=make, show=show)

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        response_id = request.path_params["id"]
        await responses.delete(caller, response_id)
        return json_response({"id": response_id, "object": "response", "deleted": True})

    return [
        Route(ONE, get, methods=["GET"]),
        Route(ONE, delete, methods=["DELETE"]),
        Route(ONE + "/input_items", asked, methods=["GET"]),
        Route(ONE + "/cancel", cancel, methods=["POST"]),
        Route(ONE + "/retry", retry, methods=["POST"]),
    ]


def _wait_s(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    if not _SECONDS.fullmatch(text) or float(text) > MAX_WAIT_S:
        raise InvalidParameter(
            f"'wait' must be a number of seconds from 0 to {MAX_WAIT_S}.", param="wait"
        )
    return float(text)


def _starting_after(request: Request) -> int | None:
    text = request.query_params.get("starting_after")
    if text is None:
        return None
    number = _NUMBER.fullmatch(text)
    if number is None:
        raise InvalidParameter("'starting_after' must be an integer.", param="starting_after")
    sign, digits = number.groups()
    return int(sign + (digits if len(digits) <= MAX_DIGITS else "9" * MAX_DIGITS))


def _refuse_beside(request: Request, name: str, needed: str) -> None:
    """Refuse a parameter that would have no effect here."""
    if name in request.query_params:
        raise InvalidParameter(f"'{name}' is for calls with {needed}.", param=name)
