"""The lines that batches put out, in the form of either vendor's API."""

from __future__ import annotations

from typing import Protocol

from forebay.core.batches import BatchApi
from forebay.dialects.wire import encode

CustomId = str | None
"""None for a line of which nothing could be read any more: its result has none to show."""


class LineForm(Protocol):
    """How the results of a batch's lines are written; each ends with a line feed."""

    def answered(
        self, *, line_id: str, custom_id: CustomId, request_id: str, body: object
    ) -> bytes:
        """Return the line of a request that was answered."""
        ...

    def refused(
        self, *, line_id: str, custom_id: CustomId, request_id: str, status: int, body: object
    ) -> bytes:
        """Return the line of a request that its endpoint answered with an error."""
        ...

    def expired(self, *, line_id: str, custom_id: CustomId) -> bytes:
        """Return the line of a request that was not run before its batch expired."""
        ...

    def cancelled(self, *, line_id: str, custom_id: CustomId) -> bytes:
        """Return the line of a request that was not run because its batch was cancelled."""
        ...


class BatchLines:
    """The lines of OpenAI's Batch API (its objects "request output" and "error")."""

    def answered(
        self, *, line_id: str, custom_id: CustomId, request_id: str, body: object
    ) -> bytes:
        """Return the line of a request that was answered."""
        return self.refused(
            line_id=line_id, custom_id=custom_id, request_id=request_id, status=200, body=body
        )

    def refused(
        self, *, line_id: str, custom_id: CustomId, request_id: str, status: int, body: object
    ) -> bytes:
        """Return the line of a request that its endpoint answered with an error."""
        response = {"status_code": status, "request_id": request_id, "body": body}
        return _line({"id": line_id, "custom_id": custom_id, "response": response, "error": None})

    def expired(self, *, line_id: str, custom_id: CustomId) -> bytes:
        """Return the line of a request that was not run before its batch expired."""
        message = "This request could not be executed before the completion window expired."
        return _unanswered(line_id, custom_id, "batch_expired", message)

    def cancelled(self, *, line_id: str, custom_id: CustomId) -> bytes:
        """Return the line of a request that was not run because its batch was cancelled."""
        message = "This request was not executed: the batch was cancelled."
        return _unanswered(line_id, custom_id, "batch_cancelled", message)


class MessageBatchLines:
    """The lines of Anthropic's Message Batches; an error's body is that of its API."""

    def answered(
        self, *, line_id: str, custom_id: CustomId, request_id: str, body: object
    ) -> bytes:
        """Return the line of a request that was answered."""
        return _result(custom_id, {"type": "succeeded", "message": body})

    def refused(
        self, *, line_id: str, custom_id: CustomId, request_id: str, status: int, body: object
    ) -> bytes:
        """Return the line of a request that its endpoint answered with an error."""
        return _result(custom_id, {"type": "errored", "error": body})

    def expired(self, *, line_id: str, custom_id: CustomId) -> bytes:
        """Return the line of a request that was not run before its batch expired."""
        return _result(custom_id, {"type": "expired"})

    def cancelled(self, *, line_id: str, custom_id: CustomId) -> bytes:
        """Return the line of a request that was not run because its batch was cancelled."""
        return _result(custom_id, {"type": "canceled"})


LINE_FORMS: dict[BatchApi, LineForm] = {
    BatchApi.BATCHES: BatchLines(),
    BatchApi.MESSAGE_BATCHES: MessageBatchLines(),
}


def _unanswered(line_id: str, custom_id: CustomId, code: str, message: str) -> bytes:
    error = {"code": code, "message": message}
    return _line({"id": line_id, "custom_id": custom_id, "response": None, "error": error})


def _result(custom_id: CustomId, result: dict[str, object]) -> bytes:
    return _line({"custom_id": custom_id, "result": result})


def _line(line: dict[str, object]) -> bytes:
    return encode(line) + b"\n"
