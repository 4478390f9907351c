"""Every way in which a call can fail, as types with a stable `code`.

    ForebayError
    ├── RequestRejected          the caller must change something
    │   ├── InvalidJson, InvalidParameter, InvalidType, MissingParameter, UnsupportedParameter
    │   ├── UnknownModel, WindowNotOffered, ContextTooLong, PromptRejected
    │   ├── PreviousResponseNotFound, IdempotencyKeySpent, EndpointSilent, UploadNotPending
    │   └── BodyTooLarge, BodyTimedOut, ConnectionTooOld
    ├── NotAuthenticated, NotPermitted
    ├── NotFound, MethodNotAllowed, RangeNotSatisfiable, ResultNotReady
    ├── Conflict                 the object's state forbids it
    ├── StillRunning             the call that is repeated has not ended
    ├── Overloaded               come back later
    ├── TurnTimedOut, Expired
    ├── EngineError              the engine's fault
    │   ├── EngineUnavailable    no answer, or it broke off
    │   │   ├── EngineUnreachable    no connection
    │   │   └── GatewayFailed        a proxy before the engine had no answer from it
    │   ├── EngineBusy           429, 503 or 529 of the engine
    │   └── EngineFailed         any other 5xx or a broken answer
    └── LeaseLost                somebody else owns the work now

The dialects alone turn them into statuses and bodies.
"""

from __future__ import annotations


class ForebayError(Exception):
    """Anything that this service reports as an error."""

    code: str = "server_error"
    param: str | None = None
    is_retriable: bool = False


class RequestRejected(ForebayError):
    """The request can never succeed as it stands."""

    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidJson(RequestRejected):
    """The body is not JSON, or not a JSON object."""

    code = "invalid_json"


class InvalidParameter(RequestRejected):
    """A parameter has a value that it cannot have."""

    code = "invalid_value"


class InvalidType(RequestRejected):
    """A parameter has a value of the wrong type."""

    code = "invalid_type"


class MissingParameter(RequestRejected):
    """A required parameter was left out."""

    code = "missing_required_parameter"

    def __init__(self, param: str) -> None:
        super().__init__(f"Missing required parameter: '{param}'.", param=param)


class UnsupportedParameter(RequestRejected):
    """A parameter that would change the result, and that is not honoured here."""

    code = "unsupported_parameter"

    def __init__(self, param: str, reason: str = "it is not supported by this server") -> None:
        super().__init__(f"Unsupported parameter: '{param}': {reason}.", param=param)


class UnknownModel(RequestRejected):
    """No pool serves the model named in the request."""

    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model '{model}' does not exist or you do not have access to it.", param="model"
        )
        self.model = model


class PreviousResponseNotFound(RequestRejected):
    """The response to be continued is unknown, was not stored, or is deleted."""

    code = "previous_response_not_found"

    def __init__(self, response_id: str) -> None:
        super().__init__(
            f"Previous response with id '{response_id}' not found.", param="previous_response_id"
        )


class IdempotencyKeySpent(RequestRejected):
    """The idempotency key was used for another body, or for what cannot be shown again."""

    code = "idempotency_error"


class WindowNotOffered(RequestRejected):
    """The completion window is unknown, or not offered by this model in this lane."""

    code = "invalid_value"

    def __init__(self, window: str, offered: tuple[str, ...], *, param: str) -> None:
        names = ", ".join(f"'{name}'" for name in offered) or "none"
        super().__init__(
            f"Completion window '{window}' is not offered here. Offered: {names}.", param=param
        )


class ContextTooLong(RequestRejected):
    """The prompt does not fit the model's context."""

    code = "context_length_exceeded"


class PromptRejected(RequestRejected):
    """The engine refused the request with a 4xx; its words are passed on."""

    code = "invalid_prompt"


class EndpointSilent(RequestRejected):
    """The webhook endpoint that was to be tested gave no answer."""

    code = "webhook_endpoint_unreachable"


class UploadNotPending(RequestRejected):
    """The upload has ended, so nothing can be done with it any more."""

    code = "upload_not_pending"


class BodyTooLarge(RequestRejected):
    """The body is larger than the configured limit."""

    code = "request_too_large"

    def __init__(self, max_bytes: int, *, part: str = "request body") -> None:
        super().__init__(f"The {part} is larger than {max_bytes} bytes.")


class BodyTimedOut(RequestRejected):
    """The body did not come in time."""

    code = "request_timeout"

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"The request body did not come within {timeout_s:g} seconds.")


class ConnectionTooOld(RequestRejected):
    """A connection that carries many turns has lived as long as it may."""

    code = "websocket_connection_limit_reached"

    def __init__(self, max_age_s: float) -> None:
        super().__init__(f"A connection lives {max_age_s:g} seconds at most: open another one.")


class NotAuthenticated(ForebayError):
    """No key, or one that is unknown or revoked."""

    code = "invalid_api_key"


class NotPermitted(ForebayError):
    """The key is good, but may not do this."""

    code = "permission_denied"


class NotFound(ForebayError):
    """Nothing of that id belongs to the caller's project."""

    code = "not_found"


class ResultNotReady(ForebayError):
    """The line of a batch has no result yet; `retry_after_s` says when to ask again."""

    code = "result_not_ready"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class MethodNotAllowed(ForebayError):
    """The route exists, but not with this method."""

    code = "method_not_allowed"


class RangeNotSatisfiable(ForebayError):
    """The file has none of the bytes of the range that was asked for."""

    code = "range_not_satisfiable"
    param = "Range"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The range begins behind the end: there are {size_bytes} bytes.")
        self.size_bytes = size_bytes


class Conflict(ForebayError):
    """The object is in a state that forbids the operation."""

    code = "conflict"


class StillRunning(ForebayError):
    """A call with this idempotency key runs now; `retry_after_s` says when to ask again."""

    code = "idempotency_error"
    is_retriable = True

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(ForebayError):
    """There is no room now; `retry_after_s` says when to ask again."""

    code = "rate_limit_exceeded"
    is_retriable = True

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TurnTimedOut(ForebayError):
    """A synchronous turn outlasted the time-out; its work was cancelled, or goes on elsewhere."""

    code = "timeout"


class Expired(ForebayError):
    """The work was not done before its expiry."""

    code = "expired"


class LeaseLost(ForebayError):
    """The lease was taken back; whatever its holder produced is dropped."""

    code = "lease_lost"
