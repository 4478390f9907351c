"""Models, in the list shape of whichever vendor's client asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.models import (
    AnthropicModel,
    AnthropicModelPage,
    Model,
    ModelList,
)
from forebay.api.openapi.operation import Answer, Group, Operation, Parameter, Words
from forebay.api.routes import json_response, limit_of, speaks_anthropic
from forebay.core.errors import UnknownModel
from forebay.dialects.models import anthropic_model, anthropic_page, openai_list, openai_model
from forebay.lanes.catalogue import Catalogue

DEFAULT_PAGE = 20
LARGEST_PAGE = 1_000


PATH = "/v1/models"

OPERATIONS = (
    Operation(
        method="GET",
        path=PATH,
        group=Group.MODELS,
        summary="List the models",
        what="OpenAI's clients get all of them; Anthropic's, who send `anthropic-version`, a page.",
        parameters=(
            parameters.VERSION,
            parameters.limit(default=DEFAULT_PAGE, most=LARGEST_PAGE),
            Parameter("after_id", str, "The id after which the page begins."),
            Parameter("before_id", str, "The id before which the page ends."),
        ),
        answer=Answer(what="The models.", shape=(ModelList, AnthropicModelPage)),
        words=Words.CALLERS,
    ),
    Operation(
        method="GET",
        path=PATH + "/{name}",
        group=Group.MODELS,
        summary="Look at a model",
        what="It is found by its name or an alias; a slash in them need not be escaped.",
        parameters=(parameters.VERSION,),
        answer=Answer(what="The model.", shape=(Model, AnthropicModel)),
        words=Words.CALLERS,
        raises=(UnknownModel,),
    ),
)


def model_routes(keys: KeyRing, catalogue: Catalogue) -> list[Route]:
    """Return the routes under `/v1/models`; names may hold slashes."""

    async def page(request: Request) -> Response:
        keys.authenticate(request.headers.raw)
        models = [served.model for served in catalogue.all()]
        limit = limit_of(request, default=DEFAULT_PAGE, most=LARGEST_PAGE)
        if not speaks_anthropic(request):
            return json_response(openai_list(models))
        listed = anthropic_page(
            models,
            limit=limit,
            after_id=request.query_params.get("after_id"),
            before_id=request.query_params.get("before_id"),
        )
        return json_response(listed)

    async def get(request: Request) -> Response:
        keys.authenticate(request.headers.raw)
        model = catalogue.resolve(request.path_params["name"]).model
        shape = anthropic_model if speaks_anthropic(request) else openai_model
        return json_response(shape(model))

    return [
        Route(PATH, page, methods=["GET"]),
        Route(PATH + "/{name:path}", get, methods=["GET"]),
    ]
