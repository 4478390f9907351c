"""What engines do wrong: trying again may help, and how much depends on the kind."""

from __future__ import annotations

from forebay.core.errors import ForebayError


class EngineError(ForebayError):
    """The engine did not give an answer; trying again may help."""

    code = "server_error"
    is_retriable = True


class EngineUnavailable(EngineError):
    """The engine could not be reached, or the connection broke."""

    code = "engine_unavailable"


class EngineUnreachable(EngineUnavailable):
    """There was no connection to the engine at all, so nothing of the turn has run."""


class GatewayFailed(EngineUnavailable):
    """A proxy in front of the engine had no answer from it: 502, 504 and their kin.

    `retry_after_s` is its wish, if it named one.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineBusy(EngineError):
    """The engine answered 429, 503 or 529; `retry_after_s` is its wish, if it named one."""

    code = "engine_overloaded"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineFailed(EngineError):
    """The engine answered with a 5xx, or with something that is not an answer.

    `engine_status` is what it answered with, for the log.
    """

    code = "server_error"

    def __init__(self, message: str, *, engine_status: int | None = None) -> None:
        super().__init__(message)
        self.engine_status = engine_status
