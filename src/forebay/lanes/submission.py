"""From an accepted call to the row that keeps it."""

from __future__ import annotations

from forebay.core.clock import Instant
from forebay.core.lanes import Lane
from forebay.dialects.metadata import shown
from forebay.dialects.responses_history import input_items, output_of
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.admission import Accepted
from forebay.store.conversations import Appended
from forebay.store.events import EventGroup
from forebay.store.request_records import NewRequest

SECRET_KEYS = ("webhook_token",)


def without_secrets(body: JsonObject) -> JsonObject:
    """Return the body as it may be kept and shown: reserved secrets are left out of metadata."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not any(key in metadata for key in SECRET_KEYS):
        return body
    kept = {key: value for key, value in metadata.items() if key not in SECRET_KEYS}
    return {**body, "metadata": kept}


def new_request(
    accepted: Accepted,
    *,
    expires_at: Instant | None = None,
    webhook_url: str | None = None,
    webhook_token: bytes | None = None,
    retry_of: str | None = None,
    events: EventGroup | None = None,
) -> NewRequest:
    """Return the row of an accepted call; without an expiry, its deadline stands there."""
    call, context = accepted.call, accepted.context
    assert accepted.lane is not Lane.BATCH, "batch lines are kept in segments"
    return NewRequest(
        id=call.id,
        project_id=accepted.caller.project_id,
        key_id=accepted.caller.key_id,
        lane=accepted.lane,
        dialect=accepted.dialect.name.value,
        model=call.model,
        completion_window=call.window,
        band_rank=accepted.band_rank,
        accepted_at=call.created_at,
        deadline_at=accepted.deadline_at,
        expires_at=accepted.deadline_at if expires_at is None else expires_at,
        # With what it refers to: that may be deleted before this is run, or continued.
        body=encode(without_secrets(call.body if context is None else context.own)),
        is_stored=call.wishes.is_stored,
        webhook_url=webhook_url,
        webhook_token=webhook_token,
        metadata=shown(call.wishes.metadata),
        previous_id=None if context is None else context.previous_id,
        conversation_id=accepted.conversation_id,
        retry_of=retry_of,
        events=events,
    )


def appended(accepted: Accepted, final: JsonObject) -> Appended | None:
    """Return what an ended response adds to its conversation, if it has one."""
    context = accepted.context
    if context is None or context.conversation_id is None:
        return None
    items = [*input_items(accepted.call.id, context.own), *output_of(final)]
    return Appended(context.conversation_id, tuple(items))
