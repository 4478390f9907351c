"""Batches: create, list, look, cancel."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.files import BatchObject, BatchPage
from forebay.api.openapi.answers.shared import Metadata
from forebay.api.openapi.operation import Answer, Group, JsonBody, Operation
from forebay.api.routes import check_query, json_response, limit_of
from forebay.api.spooled import SpooledRoute
from forebay.core.errors import Conflict, WindowNotOffered
from forebay.dialects.batches import BatchBody
from forebay.dialects.inline_requests import InlineRequest
from forebay.lanes.batch.batches import BATCH, BatchDesk
from forebay.lanes.batch.inline_batches import InlineBatches
from forebay.lanes.idempotency import Idempotency

PATH = "/v1/batches"
ONE = PATH + "/{id}"

PAGING = (parameters.AFTER, parameters.limit(default=20, most=100))
PAGING_NAMES = tuple(parameter.name for parameter in PAGING)

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        group=Group.BATCHES,
        summary="Run a file of requests",
        what="Each line is a JSON object with `custom_id`, `method`, `url` and `body`. Lines are "
        "validated afterwards: an unreadable file makes a failed batch, not an error here. In the "
        "place of a file there may be `requests`: they are made the lines of one.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=JsonBody(
            BatchBody,
            also={"metadata": Metadata | None, "requests": list[InlineRequest] | None},
            optional=frozenset({"input_file_id"}),
        ),
        example={
            "input_file_id": "file-...",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        },
        answer=Answer(what="The batch.", shape=BatchObject),
        raises=(WindowNotOffered,),
    ),
    Operation(
        method="GET",
        path=PATH,
        group=Group.BATCHES,
        summary="List batches, newest first",
        parameters=PAGING,
        answer=Answer(what="A page of batches.", shape=BatchPage),
    ),
    Operation(
        method="GET",
        path=ONE,
        group=Group.BATCHES,
        summary="Look at a batch",
        answer=Answer(what="The batch.", shape=BatchObject),
    ),
    Operation(
        method="POST",
        path=ONE + "/cancel",
        group=Group.BATCHES,
        summary="Cancel a batch",
        what="What is done stays in its files, and is charged.",
        answer=Answer(what="The batch.", shape=BatchObject),
        raises=(Conflict,),
    ),
)


def batch_routes(
    keys: KeyRing,
    batches: BatchDesk,
    inline: InlineBatches,
    idempotency: Idempotency,
    inline_limits: BodyLimits,
) -> list[Route]:
    """Return the routes under `/v1/batches`; a body with requests in it has limits of its own."""
    new = SpooledRoute(
        idempotency, inline_limits, path=PATH, id_prefix=BATCH, receive=inline.receive
    )

    async def create(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        made = await new.once(
            request,
            caller,
            make=lambda spooled, birth: inline.create(caller, spooled, birth=birth),
            show=lambda made_id: batches.get(caller, made_id),
        )
        return json_response(made)

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, PAGING_NAMES)
        limit = limit_of(request, default=20, most=100)
        after = request.query_params.get("after")
        return json_response(await batches.page(caller, after=after, limit=limit))

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await batches.get(caller, request.path_params["id"]))

    async def cancel(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await batches.cancel(caller, request.path_params["id"]))

    return [
        Route(PATH, create, methods=["POST"]),
        Route(PATH, page, methods=["GET"]),
        Route(ONE, get, methods=["GET"]),
        Route(ONE + "/cancel", cancel, methods=["POST"]),
    ]
