"""Stored chat completions: list, look, label, delete, and the messages they were asked with."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.chat import (
    StoredChatCompletion,
    StoredChatPage,
    StoredMessagePage,
)
from forebay.api.openapi.answers.shared import Deleted, Metadata
from forebay.api.openapi.bodies import MetadataBody
from forebay.api.openapi.operation import Answer, Group, JsonBody, Operation, Parameter
from forebay.api.routes import is_oldest_first, json_body, json_response, limit_of
from forebay.core.errors import InvalidParameter
from forebay.dialects.lists import page_of
from forebay.dialects.metadata import check_pair
from forebay.lanes.stored_chats import StoredChats

PATH = "/v1/chat/completions"
ONE = PATH + "/{id}"

PAGING = (
    parameters.AFTER,
    parameters.limit(default=20, most=100),
    parameters.order(default="asc"),
)

OPERATIONS = (
    Operation(
        method="GET",
        path=PATH,
        group=Group.CHAT,
        summary="List stored completions",
        what="Those that were asked with `store: true`.",
        parameters=(
            Parameter("model", str, "Only completions of this model."),
            Parameter("metadata", Metadata, "Only completions that have all these pairs."),
            *PAGING,
        ),
        answer=Answer(what="A page of completions.", shape=StoredChatPage),
    ),
    Operation(
        method="GET",
        path=ONE,
        group=Group.CHAT,
        summary="Look at a stored completion",
        answer=Answer(what="The completion.", shape=StoredChatCompletion),
    ),
    Operation(
        method="POST",
        path=ONE,
        group=Group.CHAT,
        summary="Change the metadata of a stored completion",
        body=JsonBody(MetadataBody),
        example={"metadata": {"reviewed": "yes"}},
        answer=Answer(what="The completion.", shape=StoredChatCompletion),
    ),
    Operation(
        method="DELETE",
        path=ONE,
        group=Group.CHAT,
        summary="Delete a stored completion",
        answer=Answer(what="It is gone; its charge stays.", shape=Deleted),
    ),
    Operation(
        method="GET",
        path=ONE + "/messages",
        group=Group.CHAT,
        summary="List what a stored completion was asked with",
        parameters=PAGING,
        answer=Answer(what="A page of messages.", shape=StoredMessagePage),
    ),
)


def stored_chat_routes(keys: KeyRing, chats: StoredChats, limits: BodyLimits) -> list[Route]:
    """Return the routes of stored chats; a `POST` on the list's path makes a new one, elsewhere."""

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(
            await chats.page(
                caller,
                model=request.query_params.get("model"),
                metadata=_wanted_metadata(request),
                after=request.query_params.get("after"),
                limit=limit_of(request, default=20, most=100),
                is_oldest_first=is_oldest_first(request, default="asc"),
            )
        )

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await chats.get(caller, request.path_params["id"]))

    async def update(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body = await json_body(request, limits)
        return json_response(await chats.update(caller, request.path_params["id"], body))

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await chats.delete(caller, request.path_params["id"]))

    async def messages(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(
            page_of(
                await chats.messages(caller, request.path_params["id"]),
                after=request.query_params.get("after"),
                limit=limit_of(request, default=20, most=100),
                is_oldest_first=is_oldest_first(request, default="asc"),
            )
        )

    return [
        Route(PATH, page, methods=["GET"]),
        Route(ONE, get, methods=["GET"]),
        Route(ONE, update, methods=["POST"]),
        Route(ONE, delete, methods=["DELETE"]),
        Route(ONE + "/messages", messages, methods=["GET"]),
    ]


def _wanted_metadata(request: Request) -> dict[str, str]:
    """Return the pairs that the query asks for as `metadata[key]=value`."""
    wanted: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if not name.startswith("metadata"):
            continue
        key = name.removeprefix("metadata[").removesuffix("]")
        if name != f"metadata[{key}]" or key in wanted:
            raise InvalidParameter(
                "Expected each pair once, as 'metadata[key]=value'.", param="metadata"
            )
        check_pair(key, value)
        wanted[key] = value
    return wanted
