"""What every plain route shares: who calls, which error words they read, and paging."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from forebay.core.errors import (
    BodyTooLarge,
    ForebayError,
    InvalidParameter,
    MethodNotAllowed,
    NotFound,
)
from forebay.core.ids import NewId
from forebay.dialects.dialect import ErrorReply
from forebay.dialects.errors import anthropic_error, openai_error
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object, encode

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


class ErrorEdge:
    """Turns whatever a plain route raises into an error body of the caller's dialect."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id

    async def __call__(self, request: Request, error: Exception) -> Response:
        """Return the answer for `error`."""
        request_id = self._new_id("req_")
        known = self._known(request, error, request_id)
        if speaks_anthropic(request):
            reply: ErrorReply = anthropic_error(known, request_id=request_id)
        else:
            reply = openai_error(known)
        headers = {**reply.headers, "x-request-id": request_id, "request-id": request_id}
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


async def json_body(request: Request, *, max_bytes: int) -> JsonObject:
    """Return the request's body as a JSON object; raises `BodyTooLarge` or `InvalidJson`."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise BodyTooLarge(max_bytes)
    return decode_object(body)


def limit_of(request: Request, *, default: int, most: int) -> int:
    """Return the query's `limit`; raises `InvalidParameter` outside 1 to `most`."""
    text = request.query_params.get("limit")
    if text is None:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise InvalidParameter(f"'limit' must be a number from 1 to {most}.", param="limit")
    return int(text)


def is_oldest_first(request: Request) -> bool:
    """Return whether the query's `order` is `asc`; raises `InvalidParameter` for another word."""
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidParameter("'order' must be 'asc' or 'desc'.", param="order")
    return order == "asc"
