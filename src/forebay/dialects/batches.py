"""The wire shapes of batches, as OpenAI's Batch API has them: the object, the lines in and out.

The codes and messages of validation are those that OpenAI's own batches answer with.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from forebay.core.batch_report import is_window_met
from forebay.core.batches import Batch, is_final
from forebay.core.clock import Instant, seconds_of
from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.core.forecast import Forecast, expected_at
from forebay.core.money import Usage, show_nanos
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


class _Expiry(msgspec.Struct, forbid_unknown_fields=True):
    anchor: str
    seconds: Annotated[int, msgspec.Meta(ge=3600, le=2_592_000)]


class BatchBody(msgspec.Struct):
    """The body of `POST /v1/batches`."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    output_expires_after: _Expiry | None = None


def parse_batch(body: JsonObject) -> BatchBody:
    """Return what the body asks for; raises `RequestRejected` with the field's name."""
    _refuse_unknown(body)
    metadata = read_metadata(body)
    shape = read(body, BatchBody)
    if "\0" in shape.input_file_id:
        raise InvalidParameter("The character U+0000 is not taken.", param="input_file_id")
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


def _refuse_unknown(body: JsonObject) -> None:
    for name, value in body.items():
        # Beside a file there may be no requests, and it may be said.
        is_no_requests = name == "requests" and value is None
        if name not in BatchBody.__struct_fields__ and not is_no_requests:
            raise UnsupportedParameter(name, "a batch has no such field")


def batch_object(batch: Batch, *, currency: str, now: Instant, forecast: Forecast) -> JsonObject:
    """Return the `batch` object as it stands now, with what may be expected of the batch."""
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
        "usage": usage_object(batch.usage),
        "metadata": msgspec.json.decode(batch.metadata) or None,
        "forebay": _extension(batch, forecast, currency=currency, now=now),
    }


def usage_object(usage: Usage) -> JsonObject:
    """Return the tokens of a batch as OpenAI counts them."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def cost_object(nanos: int, *, currency: str) -> JsonObject:
    """Return an amount of money."""
    return {"amount": show_nanos(nanos), "currency": currency}


def _extension(batch: Batch, forecast: Forecast, *, currency: str, now: Instant) -> JsonObject:
    """Return Forebay's own fields; those that say nothing are left out."""
    fields: JsonObject = {
        "window": batch.completion_window,
        "deadline_at": seconds_of(batch.deadline_at),
        "cost": cost_object(batch.cost_nanos, currency=currency),
    }
    expected = expected_at(batch, forecast, now=now)
    if expected is not None:
        fields["expected_at"] = seconds_of(expected)
    if batch.in_progress_at is not None and not is_final(batch.status):
        fields["progress"] = _progress(batch, forecast, began_at=batch.in_progress_at, now=now)
    if is_window_met(batch, now=now) is False:
        fields["window_missed"] = True
    if batch.retry_of is not None:
        fields["retry_of"] = batch.retry_of
    return fields


def _progress(batch: Batch, forecast: Forecast, *, began_at: Instant, now: Instant) -> JsonObject:
    progress: JsonObject = {
        "done": batch.ended_count,
        "total": batch.total_count,
        "elapsed_s": round(max(0, now - began_at) / 1000, 1),
    }
    if forecast.left_s is not None:
        progress["eta_s"] = round(min(forecast.left_s, max(0, batch.expires_at - now) / 1000), 1)
    if forecast.lines_per_s is not None:
        # Of a slow batch, two decimals would leave nothing.
        progress["lines_per_s"] = float(f"{forecast.lines_per_s:.3g}")
    return progress


class LineError(msgspec.Struct, frozen=True):
    """What validation found; `line` counts from 1 and is None for the file as a whole."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


def errors_json(errors: list[LineError]) -> str:
    """Return the batch's `errors` as kept and shown."""
    return encode({"object": "list", "data": errors}).decode()


def _seconds(instant: Instant | None) -> int | None:
    return None if instant is None else seconds_of(instant)
