"""Batches: create, list, look, cancel."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits
from forebay.api.idempotency import refuse_idempotency_key
from forebay.api.keys import KeyRing
from forebay.api.routes import json_body, json_response, limit_of
from forebay.lanes.batch.batches import BatchDesk


def batch_routes(keys: KeyRing, batches: BatchDesk, limits: BodyLimits) -> list[Route]:
    """Return the routes under `/v1/batches`."""

    async def create(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        refuse_idempotency_key(request.headers.raw)
        body = await json_body(request, limits)
        return json_response(await batches.create(caller, body))

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
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
        Route("/v1/batches", create, methods=["POST"]),
        Route("/v1/batches", page, methods=["GET"]),
        Route("/v1/batches/{id}", get, methods=["GET"]),
        Route("/v1/batches/{id}/cancel", cancel, methods=["POST"]),
    ]
