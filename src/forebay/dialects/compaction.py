"""The compaction of a long conversation: what the model is asked, and what the caller gets.

The user's messages are kept as they are. All the rest is told again by the model, and handed out
encrypted: the caller passes it back as it is. Source of the shapes: OpenAI's API reference.
"""

from __future__ import annotations

import msgspec

from forebay.core.clock import Instant, seconds_of
from forebay.core.errors import InvalidParameter
from forebay.dialects.cipher import Cipher
from forebay.dialects.parameters import Parameters
from forebay.dialects.responses_history import input_items
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

PARAMETERS = Parameters(
    honoured=frozenset({"input", "instructions", "model", "previous_response_id", "service_tier"}),
    without_effect=frozenset(
        {"image", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
    ),
)

_REQUEST = (
    "Sum up this conversation so that it can be continued without its other messages. Keep what "
    "was decided and why, facts, names, numbers, file paths, what tools gave back, and what is "
    "left to do. Write nothing but the summary."
)
_HEAD = "The conversation so far, summed up:\n\n"


class CompactionBody(msgspec.Struct):
    """What a call of `/v1/responses/compact` holds."""

    model: str
    input: str | list[JsonObject] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    service_tier: str | None = None


def summary_body(body: JsonObject, before: list[JsonObject]) -> JsonObject:
    """Return the body of the response that sums up the conversation; raises `RequestRejected`."""
    shape = read(body, CompactionBody)
    items: list[JsonObject] = [*before, *_given(shape)]
    if not items:
        raise InvalidParameter("There is nothing to compact.", param="input")
    wanted: JsonObject = {
        "model": shape.model,
        "input": [*items, {"type": "message", "role": "user", "content": _REQUEST}],
        "store": False,
    }
    if shape.instructions is not None:
        wanted["instructions"] = shape.instructions
    if shape.service_tier is not None:
        wanted["service_tier"] = shape.service_tier
    return wanted


def compaction_object(
    items: list[JsonObject],
    summary: str,
    *,
    id: str,
    created_at: Instant,
    usage: object,
    extension: object,
    cipher: Cipher,
) -> JsonObject:
    """Return the compaction: the user's messages among `items`, and the sealed summary."""
    kept = [
        item
        for item in input_items(id, {"input": items})
        if item.get("type") == "message" and item.get("role") == "user"
    ]
    compaction: JsonObject = {
        "id": f"cmp_{id.partition('_')[2]}",
        "type": "compaction",
        "encrypted_content": cipher.seal(_HEAD + summary),
    }
    return {
        "id": id,
        "object": "response.compaction",
        "created_at": seconds_of(created_at),
        "output": [*kept, compaction],
        "usage": usage,
        "forebay": extension,
    }


def _given(shape: CompactionBody) -> list[JsonObject]:
    if isinstance(shape.input, str):
        return [{"type": "message", "role": "user", "content": shape.input}]
    return shape.input or []
