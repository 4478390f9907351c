"""Webhook endpoints: register, list, look, change, delete, rotate, test; and their deliveries."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits, whole_body
from forebay.api.idempotency import keyed_body, refuse_idempotency_key
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.webhooks import (
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookEndpointDeleted,
    WebhookEndpointMade,
    WebhookEndpointObject,
    WebhookEndpointPage,
    WebhookEndpointTest,
    WebhookEndpointWithSecret,
    WebhookEventTypes,
)
from forebay.api.openapi.operation import Answer, Group, JsonBody, Operation
from forebay.api.routes import check_query, json_body, json_response, limit_of
from forebay.core.errors import Conflict, EndpointSilent
from forebay.dialects.turn import JsonObject
from forebay.dialects.webhook_events import (
    EndpointBody,
    EndpointChange,
    EndpointTestBody,
    RotationBody,
)
from forebay.dialects.wire import decode_object
from forebay.lanes.delivery_desk import DeliveryDesk
from forebay.lanes.idempotency import Idempotency
from forebay.lanes.webhook_desk import ENDPOINT, MAX_OLD_SECRETS, WebhookDesk

PATH = "/v1/webhook_endpoints"
ONE = PATH + "/{id}"
ROTATE = ONE + "/rotate_secret"
TEST = ONE + "/test"
DELIVERIES = ONE + "/deliveries"
REDELIVER = DELIVERIES + "/{delivery_id}/redeliver"
EVENT_TYPES = "/v1/webhook_event_types"

NOTHING_MADE = "it is for calls that make an object"
PAGING = (parameters.AFTER, parameters.limit(default=20, most=100))
PAGING_NAMES = tuple(parameter.name for parameter in PAGING)

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        group=Group.WEBHOOKS,
        summary="Register a webhook endpoint",
        what="It is called with each event of these types in the project, signed as Standard "
        "Webhooks has it, and again for up to three days until it answers 2xx. The secret is "
        "shown here and when it is rotated, and never again.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=JsonBody(EndpointBody),
        example={
            "name": "my agents",
            "url": "https://hooks.example.com/forebay",
            "event_types": ["response.completed", "response.failed"],
        },
        answer=Answer(what="The endpoint with its secret.", shape=WebhookEndpointMade),
    ),
    Operation(
        method="GET",
        path=PATH,
        group=Group.WEBHOOKS,
        summary="List webhook endpoints, newest first",
        parameters=PAGING,
        answer=Answer(what="A page of endpoints.", shape=WebhookEndpointPage),
    ),
    Operation(
        method="GET",
        path=ONE,
        group=Group.WEBHOOKS,
        summary="Look at a webhook endpoint",
        answer=Answer(what="The endpoint.", shape=WebhookEndpointObject),
    ),
    Operation(
        method="POST",
        path=ONE,
        group=Group.WEBHOOKS,
        summary="Change a webhook endpoint",
        what="What is owed to it goes to its new URL. One that was disabled, because it answered "
        "410, is called again.",
        body=JsonBody(EndpointChange),
        answer=Answer(what="The endpoint.", shape=WebhookEndpointObject),
    ),
    Operation(
        method="DELETE",
        path=ONE,
        group=Group.WEBHOOKS,
        summary="Delete a webhook endpoint",
        answer=Answer(what="It is gone with its deliveries.", shape=WebhookEndpointDeleted),
    ),
    Operation(
        method="POST",
        path=ROTATE,
        group=Group.WEBHOOKS,
        summary="Give a webhook endpoint a new secret",
        what="On request the old secret signs, too, for 24 hours, and so does each that was kept "
        f"before, for its own; there may be {MAX_OLD_SECRETS}. Otherwise the new one signs alone.",
        body=JsonBody(RotationBody),
        answer=Answer(what="The endpoint with its secret.", shape=WebhookEndpointWithSecret),
        raises=(Conflict,),
    ),
    Operation(
        method="POST",
        path=TEST,
        group=Group.WEBHOOKS,
        summary="Send a sample event to a webhook endpoint",
        what="It is sent once, and stands in the log of deliveries.",
        body=JsonBody(EndpointTestBody),
        answer=Answer(what="What the endpoint answered.", shape=WebhookEndpointTest),
        raises=(EndpointSilent,),
    ),
    Operation(
        method="GET",
        path=EVENT_TYPES,
        group=Group.WEBHOOKS,
        summary="List the types of events",
        answer=Answer(what="Every type there is.", shape=WebhookEventTypes),
    ),
    Operation(
        method="GET",
        path=DELIVERIES,
        group=Group.WEBHOOKS,
        summary="List the deliveries to a webhook endpoint, newest first",
        parameters=PAGING,
        answer=Answer(what="A page of deliveries.", shape=WebhookDeliveryPage),
    ),
    Operation(
        method="POST",
        path=REDELIVER,
        group=Group.WEBHOOKS,
        summary="Deliver an event to a webhook endpoint again",
        what="It is sent under the same `webhook-id`, and tried as often as a new one.",
        answer=Answer(what="The delivery.", shape=WebhookDelivery),
        raises=(Conflict,),
    ),
)


def webhook_routes(
    keys: KeyRing,
    endpoints: WebhookDesk,
    deliveries: DeliveryDesk,
    idempotency: Idempotency,
    limits: BodyLimits,
) -> list[Route]:
    """Return the routes of webhooks."""

    async def create(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body, use = await keyed_body(request, caller, PATH, limits)
        return json_response(
            await idempotency.once(
                use,
                ENDPOINT,
                make=lambda birth: endpoints.create(caller, body, birth=birth),
                show=lambda made_id: endpoints.created(caller, made_id),
            )
        )

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, PAGING_NAMES)
        limit = limit_of(request, default=20, most=100)
        after = request.query_params.get("after")
        return json_response(await endpoints.page(caller, after=after, limit=limit))

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await endpoints.get(caller, request.path_params["id"]))

    async def update(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body = await json_body(request, limits)
        return json_response(await endpoints.update(caller, request.path_params["id"], body))

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await endpoints.delete(caller, request.path_params["id"]))

    return [
        Route(PATH, create, methods=["POST"]),
        Route(PATH, page, methods=["GET"]),
        Route(ONE, get, methods=["GET"]),
        Route(ONE, update, methods=["POST"]),
        Route(ONE, delete, methods=["DELETE"]),
        *_secret_and_test_routes(keys, endpoints, limits),
        *_delivery_routes(keys, deliveries),
    ]


def _secret_and_test_routes(
    keys: KeyRing, endpoints: WebhookDesk, limits: BodyLimits
) -> list[Route]:
    async def rotate(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        refuse_idempotency_key(request.headers.raw, NOTHING_MADE)
        body = await _body_or_none(request, limits)
        return json_response(await endpoints.rotate(caller, request.path_params["id"], body))

    async def test(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        refuse_idempotency_key(request.headers.raw, NOTHING_MADE)
        body = await json_body(request, limits)
        return json_response(await endpoints.test(caller, request.path_params["id"], body))

    async def event_types(request: Request) -> Response:
        keys.authenticate(request.headers.raw)
        return json_response(endpoints.event_types())

    return [
        Route(ROTATE, rotate, methods=["POST"]),
        Route(TEST, test, methods=["POST"]),
        Route(EVENT_TYPES, event_types, methods=["GET"]),
    ]


def _delivery_routes(keys: KeyRing, deliveries: DeliveryDesk) -> list[Route]:
    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, PAGING_NAMES)
        return json_response(
            await deliveries.page(
                caller,
                request.path_params["id"],
                after=request.query_params.get("after"),
                limit=limit_of(request, default=20, most=100),
            )
        )

    async def redeliver(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        # Each call sends the event once more, and makes nothing that a key could stand for.
        refuse_idempotency_key(request.headers.raw, NOTHING_MADE)
        path = request.path_params
        return json_response(await deliveries.redeliver(caller, path["id"], path["delivery_id"]))

    return [
        Route(DELIVERIES, page, methods=["GET"]),
        Route(REDELIVER, redeliver, methods=["POST"]),
    ]


async def _body_or_none(request: Request, limits: BodyLimits) -> JsonObject:
    """Return the body, all of which may be left out."""
    content = await whole_body(request.headers.raw, request.receive, limits)
    return decode_object(content) if content else {}
