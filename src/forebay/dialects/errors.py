"""Errors as OpenAI and Anthropic say them: statuses, types, codes and bodies.

Sources: OpenAI's error guide and OpenAPI document (`error` with message, type, param, code; all
four keys present), Anthropic's error page (`type: error`, `error.type`, `request_id`).
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core import engine_errors, errors
from forebay.core.errors import ForebayError
from forebay.dialects.dialect import ErrorReply
from forebay.dialects.turn import JsonObject


@dataclass(frozen=True, slots=True)
class _Words:
    status: int
    openai_type: str
    anthropic_type: str


# The most specific class of an error's family decides, so subclasses need no line of their own.
_TABLE: dict[type[ForebayError], _Words] = {
    errors.UnknownModel: _Words(404, "invalid_request_error", "not_found_error"),
    errors.BodyTooLarge: _Words(413, "invalid_request_error", "request_too_large"),
    errors.BodyTimedOut: _Words(408, "invalid_request_error", "timeout_error"),
    errors.RequestRejected: _Words(400, "invalid_request_error", "invalid_request_error"),
    errors.NotAuthenticated: _Words(401, "invalid_request_error", "authentication_error"),
    errors.NotPermitted: _Words(403, "invalid_request_error", "permission_error"),
    errors.NotFound: _Words(404, "invalid_request_error", "not_found_error"),
    errors.ResultNotReady: _Words(404, "invalid_request_error", "not_found_error"),
    errors.MethodNotAllowed: _Words(405, "invalid_request_error", "invalid_request_error"),
    errors.RangeNotSatisfiable: _Words(416, "invalid_request_error", "invalid_request_error"),
    errors.Conflict: _Words(409, "invalid_request_error", "conflict_error"),
    errors.StillRunning: _Words(409, "invalid_request_error", "conflict_error"),
    errors.Overloaded: _Words(429, "rate_limit_error", "rate_limit_error"),
    errors.TurnTimedOut: _Words(504, "server_error", "timeout_error"),
    engine_errors.EngineBusy: _Words(503, "server_error", "overloaded_error"),
    engine_errors.EngineUnavailable: _Words(503, "server_error", "overloaded_error"),
    engine_errors.EngineError: _Words(502, "server_error", "api_error"),
    ForebayError: _Words(500, "server_error", "api_error"),
}

# OpenAI sends a null code for these; ours would only repeat the status.
_WITHOUT_CODE = (errors.NotFound, errors.Conflict)

# To be said outright: whoever sent an idempotency key means to send the call again.
# Who asks for a result too early may wait, but for no longer than it wants to.
_FINAL = (errors.TurnTimedOut, errors.IdempotencyKeySpent, errors.ResultNotReady)

_ANTHROPIC_OVERLOADED = 529


def openai_error(error: ForebayError) -> ErrorReply:
    """Return the error as OpenAI's APIs say it."""
    words = _words(type(error))
    code = None if isinstance(error, _WITHOUT_CODE) else error.code
    body = {
        "error": {
            "message": str(error),
            "type": words.openai_type,
            "param": error.param,
            "code": code,
        }
    }
    return ErrorReply(words.status, dict(body), _headers(error, words.status))


def anthropic_error(error: ForebayError, *, request_id: str) -> ErrorReply:
    """Return the error as Anthropic's API says it."""
    words = _words(type(error))
    status = anthropic_status(type(error))
    said: JsonObject = {"type": words.anthropic_type, "message": str(error)}
    if isinstance(error, errors.UnsupportedParameter) and error.param == "thread":
        # The SDKs' tool runner sends all messages itself once it reads this.
        said["details"] = {"error_code": "thread_unsupported_request"}
    elif isinstance(error, errors.IdempotencyKeySpent | errors.StillRunning):
        said["details"] = {"error_code": error.code}
    body: JsonObject = {"type": "error", "error": said, "request_id": request_id}
    return ErrorReply(status, body, _headers(error, status))


def openai_status(kind: type[ForebayError]) -> int:
    """Return the status with which OpenAI's APIs say errors of this kind."""
    return _words(kind).status


def anthropic_status(kind: type[ForebayError]) -> int:
    """Return the status with which Anthropic's API says errors of this kind."""
    words = _words(kind)
    is_overload = words.anthropic_type == "overloaded_error"
    return _ANTHROPIC_OVERLOADED if is_overload else words.status


def _words(kind: type[ForebayError]) -> _Words:
    for family in kind.__mro__:
        if family in _TABLE:
            return _TABLE[family]
    raise AssertionError("every ForebayError has ForebayError in its family")


def _is_ours_to_mend(error: ForebayError) -> bool:
    # A wrong engine key, or a model that the engine does not know: no retry mends them.
    return isinstance(error, engine_errors.EngineFailed) and error.engine_status in (401, 403, 404)


def _headers(error: ForebayError, status: int) -> dict[str, str]:
    # The vendors' SDKs retry 409, 429 and every 5xx unless told otherwise.
    headers = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(retry_after_s)))
    if isinstance(error, errors.StillRunning):
        headers["x-should-retry"] = "true"
    elif status == 409 or isinstance(error, _FINAL) or _is_ours_to_mend(error):
        headers["x-should-retry"] = "false"
    if isinstance(error, errors.RangeNotSatisfiable):
        headers["content-range"] = f"bytes */{error.size_bytes}"
    if isinstance(error, errors.BodyTimedOut):
        # What may still come of the body is read by nobody.
        headers["connection"] = "close"
    return headers
