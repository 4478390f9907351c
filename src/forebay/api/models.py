"""Models, in the list shape of whichever vendor's client asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.keys import KeyRing
from forebay.api.routes import json_response, speaks_anthropic
from forebay.dialects.models import anthropic_list, anthropic_model, openai_list, openai_model
from forebay.lanes.catalogue import Catalogue


def model_routes(keys: KeyRing, catalogue: Catalogue) -> list[Route]:
    """Return the routes under `/v1/models`; names may hold slashes."""

    async def page(request: Request) -> Response:
        keys.authenticate(request.headers.raw)
        models = [served.model for served in catalogue.all()]
        shape = anthropic_list if speaks_anthropic(request) else openai_list
        return json_response(shape(models))

    async def get(request: Request) -> Response:
        keys.authenticate(request.headers.raw)
        model = catalogue.resolve(request.path_params["name"]).model
        shape = anthropic_model if speaks_anthropic(request) else openai_model
        return json_response(shape(model))

    return [
        Route("/v1/models", page, methods=["GET"]),
        Route("/v1/models/{name:path}", get, methods=["GET"]),
    ]
