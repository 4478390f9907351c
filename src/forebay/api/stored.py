"""Stored responses: look, what was asked, cancel, delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.responses import ItemPage
from forebay.api.openapi.answers.responses import Response as ResponseObject
from forebay.api.openapi.answers.shared import Deleted
from forebay.api.openapi.operation import Answer, Group, Operation
from forebay.api.routes import included, is_oldest_first, json_response, limit_of
from forebay.core.errors import RequestRejected, UnsupportedParameter
from forebay.dialects.lists import page_of
from forebay.dialects.responses import check_include
from forebay.lanes.background import Background

ONE = "/v1/responses/{id}"

OPERATIONS = (
    Operation(
        method="GET",
        path=ONE,
        group=Group.RESPONSES,
        summary="Look at a response",
        what="Poll a background response here until its `status` is neither `queued` nor "
        "`in_progress`.",
        parameters=(parameters.INCLUDE, parameters.NOT_STREAMED),
        answer=Answer(what="The response.", shape=ResponseObject),
        raises=(UnsupportedParameter,),
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
)


def stored_routes(keys: KeyRing, background: Background) -> list[Route]:
    """Return the routes under `/v1/responses/{id}`."""

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_include(included(request))
        if request.query_params.get("stream", "false").lower() not in ("false", "0", ""):
            raise UnsupportedParameter("stream", "stored responses are not streamed again")
        return json_response(await background.get(caller, request.path_params["id"]))

    async def asked(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_include(included(request))
        items = await background.asked(caller, request.path_params["id"])
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

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        response_id = request.path_params["id"]
        await background.delete(caller, response_id)
        return json_response({"id": response_id, "object": "response", "deleted": True})

    return [
        Route(ONE, get, methods=["GET"]),
        Route(ONE, delete, methods=["DELETE"]),
        Route(ONE + "/input_items", asked, methods=["GET"]),
        Route(ONE + "/cancel", cancel, methods=["POST"]),
    ]
