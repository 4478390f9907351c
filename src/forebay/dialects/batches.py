"""The wire shapes of batches, as OpenAI's Batch API has them: the object, the lines in and out.

The codes and messages of validation are those that OpenAI's own batches answer with.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from forebay.core.batches import Batch
from forebay.core.clock import Instant, seconds_of
from forebay.core.errors import InvalidParameter
from forebay.core.money import show_nanos
from forebay.dialects.dialect import DialectName
from forebay.dialects.metadata import read_metadata, refuse_reserved_of_batch
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode, read

ENDPOINTS: dict[str, DialectName] = {
    "/v1/chat/completions": DialectName.CHAT,
    "/v1/responses": DialectName.RESPONSES,
    "/v1/messages": DialectName.MESSAGES,
    "/v1/embeddings": DialectName.EMBEDDINGS,
    "/v1/completions": DialectName.COMPLETIONS,
}


class _Expiry(msgspec.Struct):
    anchor: str
    seconds: Annotated[int, msgspec.Meta(ge=3600, le=2_592_000)]


class BatchBody(msgspec.Struct):
    """The body of `POST /v1/batches`."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: JsonObject | None = None
    output_expires_after: _Expiry | None = None


def parse_batch(body: JsonObject) -> BatchBody:
    """Return what the body asks for; raises `RequestRejected` with the field's name."""
    metadata = read_metadata(body)
    shape = read(body, BatchBody)
    refuse_reserved_of_batch(metadata, window=shape.completion_window)
    if shape.endpoint not in ENDPOINTS:
        supported = ", ".join(f"'{name}'" for name in ENDPOINTS)
        raise InvalidParameter(
            f"Invalid value: '{shape.endpoint}'. Supported values are: {supported}.",
            param="endpoint",
        )
    expiry = shape.output_expires_after
    if expiry is not None and expiry.anchor != "created_at":
        raise InvalidParameter(
            f"Invalid value: '{expiry.anchor}'. Supported values are: 'created_at'.",
            param="output_expires_after.anchor",
        )
    return shape


def batch_object(batch: Batch, *, currency: str) -> JsonObject:
    """Return the `batch` object."""
    usage = batch.usage
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "errors": None if batch.errors is None else msgspec.json.decode(batch.errors),
        "input_file_id": batch.input_file_id,
        "completion_window": batch.completion_window,
        "status": batch.status.value,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": seconds_of(batch.created_at),
        "in_progress_at": _seconds(batch.in_progress_at),
        "expires_at": seconds_of(batch.expires_at),
        "finalizing_at": _seconds(batch.finalizing_at),
        "completed_at": _seconds(batch.completed_at),
        "failed_at": _seconds(batch.failed_at),
        "expired_at": _seconds(batch.expired_at),
        "cancelling_at": _seconds(batch.cancelling_at),
        "cancelled_at": _seconds(batch.cancelled_at),
        "request_counts": {
            "total": batch.total_count,
            "completed": batch.completed_count,
            "failed": batch.failed_count,
        },
        "usage": {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
        "metadata": msgspec.json.decode(batch.metadata) or None,
        "forebay": {
            "window": batch.completion_window,
            "deadline_at": seconds_of(batch.deadline_at),
            "cost": {"amount": show_nanos(batch.cost_nanos), "currency": currency},
        },
    }


class LineError(msgspec.Struct, frozen=True):
    """What validation found; `line` counts from 1 and is None for the file as a whole."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


def errors_json(errors: list[LineError]) -> str:
    """Return the batch's `errors` as kept and shown."""
    return encode({"object": "list", "data": errors}).decode()


def result_line(
    *, line_id: str, custom_id: str, status: int, request_id: str, body: object
) -> bytes:
    """Return the line of a request that the endpoint answered, well or badly."""
    response = {"status_code": status, "request_id": request_id, "body": body}
    line = {"id": line_id, "custom_id": custom_id, "response": response, "error": None}
    return encode(line) + b"\n"


def unanswered_line(*, line_id: str, custom_id: str, code: str, message: str) -> bytes:
    """Return the line of a request that never got an answer."""
    error = {"code": code, "message": message}
    line = {"id": line_id, "custom_id": custom_id, "response": None, "error": error}
    return encode(line) + b"\n"


def _seconds(instant: Instant | None) -> int | None:
    return None if instant is None else seconds_of(instant)
