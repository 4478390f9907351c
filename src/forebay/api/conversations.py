"""Conversations: create, look, change, delete, and their items."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits
from forebay.api.idempotency import keyed_body
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.responses import Conversation, Item, ItemPage
from forebay.api.openapi.answers.shared import Deleted
from forebay.api.openapi.bodies import ConversationBody, ItemsBody, MetadataBody
from forebay.api.openapi.operation import Answer, Group, JsonBody, Operation
from forebay.api.routes import (
    included,
    is_oldest_first,
    json_body,
    json_response,
    limit_of,
)
from forebay.dialects.responses import check_include
from forebay.lanes.conversations import ADDITION, CONVERSATION, ConversationDesk
from forebay.lanes.idempotency import Idempotency

PATH = "/v1/conversations"
ONE = PATH + "/{id}"
ITEMS = ONE + "/items"
ITEM = ITEMS + "/{item_id}"

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        group=Group.CONVERSATIONS,
        summary="Begin a conversation",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=JsonBody(ConversationBody),
        example={"items": [{"type": "message", "role": "user", "content": "Hello!"}]},
        answer=Answer(what="The conversation.", shape=Conversation),
    ),
    Operation(
        method="GET",
        path=ONE,
        group=Group.CONVERSATIONS,
        summary="Look at a conversation",
        answer=Answer(what="The conversation.", shape=Conversation),
    ),
    Operation(
        method="POST",
        path=ONE,
        group=Group.CONVERSATIONS,
        summary="Change the metadata of a conversation",
        body=JsonBody(MetadataBody),
        example={"metadata": {"topic": "rivers"}},
        answer=Answer(what="The conversation.", shape=Conversation),
    ),
    Operation(
        method="DELETE",
        path=ONE,
        group=Group.CONVERSATIONS,
        summary="Delete a conversation",
        answer=Answer(what="It is gone, and nobody reaches its items.", shape=Deleted),
    ),
    Operation(
        method="POST",
        path=ITEMS,
        group=Group.CONVERSATIONS,
        summary="Add items",
        what="All of them are added, or none.",
        parameters=(parameters.INCLUDE, parameters.IDEMPOTENCY_KEY),
        body=JsonBody(ItemsBody),
        example={"items": [{"type": "message", "role": "user", "content": "Hello again!"}]},
        answer=Answer(what="The items as they are kept.", shape=ItemPage),
    ),
    Operation(
        method="GET",
        path=ITEMS,
        group=Group.CONVERSATIONS,
        summary="List the items of a conversation",
        parameters=(
            parameters.AFTER,
            parameters.limit(default=20, most=100),
            parameters.order(default="desc"),
            parameters.INCLUDE,
        ),
        answer=Answer(what="A page of items.", shape=ItemPage),
    ),
    Operation(
        method="GET",
        path=ITEM,
        group=Group.CONVERSATIONS,
        summary="Look at an item",
        parameters=(parameters.INCLUDE,),
        answer=Answer(what="The item.", shape=Item),
    ),
    Operation(
        method="DELETE",
        path=ITEM,
        group=Group.CONVERSATIONS,
        summary="Delete an item",
        answer=Answer(what="The conversation that is left.", shape=Conversation),
    ),
)


def conversation_routes(
    keys: KeyRing, conversations: ConversationDesk, idempotency: Idempotency, limits: BodyLimits
) -> list[Route]:
    """Return the routes under `/v1/conversations`."""

    async def create(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body, use = await keyed_body(request, caller, PATH, limits)
        return json_response(
            await idempotency.once(
                use,
                CONVERSATION,
                make=lambda birth: conversations.create(caller, body, birth=birth),
                show=lambda made_id: conversations.get(caller, made_id),
            )
        )

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await conversations.get(caller, request.path_params["id"]))

    async def update(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body = await json_body(request, limits)
        return json_response(await conversations.update(caller, request.path_params["id"], body))

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await conversations.delete(caller, request.path_params["id"]))

    return [
        Route(PATH, create, methods=["POST"]),
        Route(ONE, get, methods=["GET"]),
        Route(ONE, update, methods=["POST"]),
        Route(ONE, delete, methods=["DELETE"]),
        *_item_routes(keys, conversations, idempotency, limits),
    ]


def _item_routes(
    keys: KeyRing, conversations: ConversationDesk, idempotency: Idempotency, limits: BodyLimits
) -> list[Route]:
    async def add(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_include(included(request))
        # The path tells the conversation: a key stands for a call on this one.
        body, use = await keyed_body(request, caller, request.url.path, limits)
        conversation_id = request.path_params["id"]
        return json_response(
            await idempotency.once(
                use,
                ADDITION,
                make=lambda birth: conversations.add(caller, conversation_id, body, birth=birth),
                show=lambda made_id: conversations.added(caller, conversation_id, body, made_id),
            )
        )

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_include(included(request))
        return json_response(
            await conversations.page(
                caller,
                request.path_params["id"],
                after=request.query_params.get("after"),
                limit=limit_of(request, default=20, most=100),
                is_oldest_first=is_oldest_first(request),
            )
        )

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_include(included(request))
        path = request.path_params
        return json_response(await conversations.item(caller, path["id"], path["item_id"]))

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        path = request.path_params
        return json_response(await conversations.delete_item(caller, path["id"], path["item_id"]))

    return [
        Route(ITEMS, add, methods=["POST"]),
        Route(ITEMS, page, methods=["GET"]),
        Route(ITEM, get, methods=["GET"]),
        Route(ITEM, delete, methods=["DELETE"]),
    ]
