"""Anthropic's Message Batches: create, list, look, cancel, delete, read the results."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from forebay.api.body import BodyLimits
from forebay.api.inference_operations import HELLO
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.message_batches import (
    DeletedMessageBatch,
    MessageBatch,
    MessageBatchPage,
)
from forebay.api.openapi.operation import (
    MODEL,
    Answer,
    Group,
    JsonBody,
    Operation,
    Parameter,
    Words,
)
from forebay.api.routes import check_query, json_response, limit_of
from forebay.api.spooled import SpooledRoute
from forebay.core.errors import RequestRejected, WindowNotOffered
from forebay.dialects.message_batch_requests import MessageBatchBody
from forebay.dialects.messages_version import HEADER
from forebay.lanes.batch.message_batches import MESSAGE_BATCH_ID, MessageBatchDesk
from forebay.lanes.idempotency import Idempotency

PATH = "/v1/messages/batches"
ONE = PATH + "/{id}"
JSON_LINES = "application/x-jsonl"
LISTED_BY = ("limit", "after_id", "before_id", "beta")

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        group=Group.MESSAGES,
        summary="Run many calls as a Message Batch",
        what="The `params` of each request are a body of Messages, and are checked when it is "
        "run: what is wrong with them is that request's result. The completion window is `24h`, "
        "unless `metadata.completion_window` or the header names another.",
        parameters=(parameters.WINDOW, parameters.VERSION, parameters.IDEMPOTENCY_KEY),
        body=JsonBody(MessageBatchBody),
        example={
            "requests": [
                {
                    "custom_id": "first",
                    "params": {"model": MODEL, "max_tokens": 100, "messages": HELLO},
                }
            ]
        },
        answer=Answer(what="The batch.", shape=MessageBatch),
        words=Words.ANTHROPIC,
        raises=(WindowNotOffered,),
    ),
    Operation(
        method="GET",
        path=PATH,
        group=Group.MESSAGES,
        summary="List Message Batches, newest first",
        parameters=(
            parameters.limit(default=20, most=1000),
            Parameter("after_id", str, "The id after which the page begins."),
            Parameter("before_id", str, "The id before which the page ends."),
        ),
        answer=Answer(what="A page of batches.", shape=MessageBatchPage),
        words=Words.ANTHROPIC,
    ),
    Operation(
        method="GET",
        path=ONE,
        group=Group.MESSAGES,
        summary="Look at a Message Batch",
        answer=Answer(what="The batch.", shape=MessageBatch),
        words=Words.ANTHROPIC,
    ),
    Operation(
        method="DELETE",
        path=ONE,
        group=Group.MESSAGES,
        summary="Delete a Message Batch that has ended",
        answer=Answer(what="It is gone; its charges stay.", shape=DeletedMessageBatch),
        words=Words.ANTHROPIC,
        raises=(RequestRejected,),
    ),
    Operation(
        method="POST",
        path=ONE + "/cancel",
        group=Group.MESSAGES,
        summary="Cancel a Message Batch",
        what="What is done stays in its results, and is charged.",
        answer=Answer(what="The batch.", shape=MessageBatch),
        words=Words.ANTHROPIC,
        raises=(RequestRejected,),
    ),
    Operation(
        method="GET",
        path=ONE + "/results",
        group=Group.MESSAGES,
        summary="Read the results of a Message Batch",
        what="Once it has ended, and for 29 days after it was created, in any order.",
        answer=Answer(what="A line of JSON for each request.", media_type=JSON_LINES),
        words=Words.ANTHROPIC,
    ),
)


def message_batch_routes(
    keys: KeyRing,
    batches: MessageBatchDesk,
    idempotency: Idempotency,
    limits: BodyLimits,
    *,
    public_url: str | None,
) -> list[Route]:
    """Return the routes under `/v1/messages/batches`.

    Answers tell where results are under `public_url`, or else where the caller has found us.
    """
    base = None if public_url is None else public_url.rstrip("/")

    def base_of(request: Request) -> str:
        # The SDKs follow the URL of results to the letter.
        return base or str(request.base_url).rstrip("/")

    body = SpooledRoute(
        idempotency, limits, path=PATH, id_prefix=MESSAGE_BATCH_ID, receive=batches.receive
    )

    async def create(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        window = request.headers.get("x-completion-window")
        base_url = base_of(request)
        made = await body.once(
            request,
            caller,
            window=window,
            make=lambda spooled, birth: batches.create(
                caller,
                spooled,
                birth=birth,
                base_url=base_url,
                version=request.headers.get(HEADER.decode()),
                header_window=window,
            ),
            show=lambda made_id: batches.get(caller, made_id, base_url=base_url),
        )
        return json_response(made)

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, LISTED_BY)
        query = request.query_params
        listed = await batches.page(
            caller,
            after_id=query.get("after_id"),
            before_id=query.get("before_id"),
            limit=limit_of(request, default=20, most=1000),
            base_url=base_of(request),
        )
        return json_response(listed)

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        batch_id = request.path_params["id"]
        return json_response(await batches.get(caller, batch_id, base_url=base_of(request)))

    async def cancel(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        batch_id = request.path_params["id"]
        return json_response(await batches.cancel(caller, batch_id, base_url=base_of(request)))

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await batches.delete(caller, request.path_params["id"]))

    async def results(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        lines = await batches.results(caller, request.path_params["id"])
        return StreamingResponse(lines, media_type=JSON_LINES)

    return [
        Route(PATH, create, methods=["POST"]),
        Route(PATH, page, methods=["GET"]),
        Route(ONE, get, methods=["GET"]),
        Route(ONE, delete, methods=["DELETE"]),
        Route(ONE + "/cancel", cancel, methods=["POST"]),
        Route(ONE + "/results", results, methods=["GET"]),
    ]
