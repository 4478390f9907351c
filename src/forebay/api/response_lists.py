"""The list of a project's responses, by whatever they are looked for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.responses import ResponsePage
from forebay.api.openapi.operation import Answer, Group, Operation, Parameter
from forebay.api.routes import check_query, flag_of, is_oldest_first, json_response, limit_of
from forebay.core.clock import Instant
from forebay.core.errors import InvalidParameter
from forebay.core.lanes import Lane
from forebay.core.requests import RequestStatus
from forebay.dialects.lists import unknown_value
from forebay.lanes.stored_responses import StoredResponses
from forebay.store.response_lists import Wanted

PATH = "/v1/responses"
MAX_DIGITS = 12  # of Unix seconds

FILTERS = (
    Parameter("status", RequestStatus, "Only responses in this status."),
    Parameter("window", str, "Only responses with this completion window."),
    Parameter("model", str, "Only responses of this model, which may be named by an alias."),
    Parameter("session", str, "Only responses with this `metadata.session`."),
    Parameter("group", str, "Only responses with this `metadata.group`."),
    Parameter("background", bool, "Only background responses, or only the others."),
    Parameter(
        "created_after",
        Annotated[int, Meta(ge=0)],
        "Only responses created at this Unix second or later.",
    ),
    Parameter(
        "created_before",
        Annotated[int, Meta(ge=0)],
        "Only responses created before this Unix second.",
    ),
)

OPERATIONS = (
    Operation(
        method="GET",
        path=PATH,
        group=Group.RESPONSES,
        summary="List responses",
        what="Those of the project that are stored and not deleted, in every status. Filters can "
        "be put together.",
        parameters=(
            *FILTERS,
            parameters.AFTER,
            parameters.limit(default=20, most=100),
            parameters.order(default="desc"),
        ),
        answer=Answer(what="A page of responses.", shape=ResponsePage),
    ),
)

KNOWN = tuple(parameter.name for parameter in OPERATIONS[0].parameters)


def response_list_routes(keys: KeyRing, responses: StoredResponses) -> list[Route]:
    """Return the route of the list; a `POST` on its path makes a response, elsewhere."""

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, KNOWN)
        return json_response(
            await responses.page(
                caller,
                _wanted(request),
                after=request.query_params.get("after"),
                limit=limit_of(request, default=20, most=100),
                is_oldest_first=is_oldest_first(request),
            )
        )

    return [Route(PATH, page, methods=["GET"])]


def _wanted(request: Request) -> Wanted:
    query = request.query_params
    return Wanted(
        status=_status(query),
        window=query.get("window"),
        model=query.get("model"),
        session=query.get("session"),
        group=query.get("group"),
        lane=_lane(request),
        created_from=_instant(query, "created_after"),
        created_before=_instant(query, "created_before"),
    )


def _status(query: QueryParams) -> RequestStatus | None:
    text = query.get("status")
    if text is None:
        return None
    if text not in tuple(RequestStatus):
        raise unknown_value("status", text, RequestStatus)
    return RequestStatus(text)


def _lane(request: Request) -> Lane | None:
    if "background" not in request.query_params:
        return None
    return Lane.BACKGROUND if flag_of(request, "background") else Lane.REALTIME


def _instant(query: QueryParams, name: str) -> Instant | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS:
        raise InvalidParameter(f"'{name}' must be a number of Unix seconds.", param=name)
    return Instant(int(text) * 1000)
