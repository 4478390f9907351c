"""Stored responses: look, cancel, delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.keys import KeyRing
from forebay.api.routes import json_response
from forebay.core.errors import UnsupportedParameter
from forebay.lanes.background import Background


def stored_routes(keys: KeyRing, background: Background) -> list[Route]:
    """Return the routes under `/v1/responses/{id}`."""

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        if request.query_params.get("stream", "false").lower() not in ("false", "0", ""):
            raise UnsupportedParameter("stream", "stored responses are not streamed again")
        return json_response(await background.get(caller, request.path_params["id"]))

    async def cancel(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await background.cancel(caller, request.path_params["id"]))

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        response_id = request.path_params["id"]
        await background.delete(caller, response_id)
        return json_response({"id": response_id, "object": "response", "deleted": True})

    return [
        Route("/v1/responses/{id}", get, methods=["GET"]),
        Route("/v1/responses/{id}", delete, methods=["DELETE"]),
        Route("/v1/responses/{id}/cancel", cancel, methods=["POST"]),
    ]
