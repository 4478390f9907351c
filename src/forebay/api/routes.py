"""What every plain route shares: its ids, which error words its caller reads, and paging."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forebay.api.body import BodyLimits, whole_body
from forebay.api.connection import vendor_headers
from forebay.core.errors import ForebayError, InvalidParameter, MethodNotAllowed, NotFound
from forebay.core.ids import NewId
from forebay.dialects.dialect import ErrorReply
from forebay.dialects.errors import anthropic_error, openai_error
from forebay.dialects.lists import unknown_value
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object, encode

MAX_DIGITS = 9  # of a number in a query or a form; Python reads no more than some thousands

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


def json_response(
    payload: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a JSON answer; bytes go out as they are."""
    body = payload if isinstance(payload, bytes) else encode(payload)
    return Response(body, status, headers, media_type="application/json")


def speaks_anthropic(request: Request) -> bool:
    """Tell whether the caller is a client of Anthropic's API."""
    return "anthropic-version" in request.headers or request.url.path.startswith("/v1/messages")


class RequestIds:
    """Gives each exchange its id, which goes out with every answer, in both vendors' headers."""

    def __init__(self, app: ASGIApp, new_id: NewId) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one exchange."""
        request_id = self._new_id("req_")
        began_at_s = asyncio.get_running_loop().time()

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = headers["request-id"] = request_id
                headers.raw.extend(vendor_headers(began_at_s))
            await send(message)

        await self._app({**scope, "forebay.request_id": request_id}, receive, send_with_ids)


class ErrorEdge:
    """Turns whatever a plain route raises into an error body of the caller's dialect."""

    async def __call__(self, request: Request, error: Exception) -> Response:
        """Return the answer for `error`."""
        request_id: str = request.scope["forebay.request_id"]
        known = self._known(request, error, request_id)
        if speaks_anthropic(request):
            reply: ErrorReply = anthropic_error(known, request_id=request_id)
        else:
            reply = openai_error(known)
        headers = reply.headers
        if isinstance(known, MethodNotAllowed):
            headers = {**headers, "allow": _allowed(request)}
        return json_response(reply.body, status=reply.status, headers=headers)

    def _known(self, request: Request, error: Exception, request_id: str) -> ForebayError:
        match error:
            case ForebayError():
                return error
            case HTTPException(status_code=404):
                return NotFound(f"Unknown request URL: {request.method} {request.url.path}.")
            case HTTPException(status_code=405):
                return MethodNotAllowed(f"{request.method} is not allowed on {request.url.path}.")
            case _:
                log.error("route broke", extra={"request_id": request_id}, exc_info=error)
                return ForebayError("The server had an error processing your request.")


def _allowed(request: Request) -> str:
    """Return the methods of all routes on this path; the router knows those of the first alone."""
    fitting = [
        route
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    ]
    return ", ".join(sorted({method for route in fitting for method in route.methods or ()}))


class StrangePaths(BaseRoute):
    """The paths with the character U+0000: nothing is found there, whatever keeps what there is."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take these paths."""
        is_strange = scope["type"] == "http" and "\0" in scope["path"]
        return (Match.FULL if is_strange else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raise what the router does for any other path that leads nowhere."""
        raise HTTPException(404)


def match_to_the_end(routes: Iterable[BaseRoute]) -> None:
    """Let these routes match whole paths only, and their `path` parameters any text.

    As Starlette writes them, a line end behind the path is passed over, and one within is no text.
    """
    for route in routes:
        if isinstance(route, Route):
            pattern = route.path_regex.pattern.removesuffix("$")
            route.path_regex = re.compile(pattern + r"\Z", re.DOTALL)


async def answer_nobody(request: Request, _: Exception) -> Response:
    """Take note of a caller that left before its request was whole; this answer goes nowhere."""
    log.info("caller left", extra={"request_id": request.scope["forebay.request_id"]})
    return Response(status_code=400)


async def json_body(request: Request, limits: BodyLimits) -> JsonObject:
    """Return the body as a JSON object; raises what `whole_body` does, or `InvalidJson`."""
    return decode_object(await whole_body(request.headers.raw, request.receive, limits))


def check_query(request: Request, known: Collection[str], *, many: Collection[str] = ()) -> None:
    """Raise `InvalidParameter` for what would be left out of account.

    That is a parameter that is not `known`, or is there twice and not one of `many`: a list that
    has too much is taken for a find.
    """
    query = request.query_params
    for name, value in query.multi_items():
        if name not in known:
            raise unknown_value(name, name, known)
        if len(query.getlist(name)) > 1 and name not in many:
            raise InvalidParameter(f"'{name}' is there more than once.", param=name)
        if "\0" in value:
            raise InvalidParameter(f"'{name}' holds a character that no text has.", param=name)


def limit_of(request: Request, *, default: int, most: int) -> int:
    """Return the query's `limit`; raises `InvalidParameter` outside 1 to `most`."""
    text = request.query_params.get("limit")
    if text is None:
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
    if not is_number or not 1 <= int(text) <= most:
        raise InvalidParameter(f"'limit' must be a number from 1 to {most}.", param="limit")
    return int(text)


def is_oldest_first(request: Request, *, default: str = "desc") -> bool:
    """Return whether the query's `order` is `asc`; raises `InvalidParameter` for another word."""
    order = request.query_params.get("order", default)
    if order not in ("asc", "desc"):
        raise InvalidParameter("'order' must be 'asc' or 'desc'.", param="order")
    return order == "asc"


def flag_of(request: Request, name: str) -> bool:
    """Return whether the query's flag is set; raises `InvalidParameter` for what is no flag."""
    text = request.query_params.get(name, "").lower()
    if text not in ("", "false", "0", "true", "1"):
        raise InvalidParameter(f"'{name}' must be 'true' or 'false'.", param=name)
    return text in ("true", "1")


def included(request: Request) -> list[str]:
    """Return what the query's `include` names; the SDKs write it as `include[]=a&include[]=b`."""
    query = request.query_params
    return [*query.getlist("include"), *query.getlist("include[]")]
