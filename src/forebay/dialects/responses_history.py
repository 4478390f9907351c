"""What a response continues: earlier responses as items, put before the input of a new one.

The ids of items tell the response that they belong to, so a reference to one needs no index:
`msg_X_0` is the first item of the output of `resp_X`, and `msg_X_i0` of its input.
"""

from __future__ import annotations

from forebay.core.errors import InvalidParameter
from forebay.dialects.items import normalised, own_id, prefix_of
from forebay.dialects.responses_input import RECORDS
from forebay.dialects.turn import JsonObject

MAX_INDEX_DIGITS = 6

REFERENCE = "item_reference"


def given_items(body: JsonObject) -> list[JsonObject]:
    """Return the body's input as items, without changing them."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def input_items(response_id: str, body: JsonObject) -> list[JsonObject]:
    """Return the body's own input as the API shows it, each item with an id.

    References are left out: what they refer to is gone, or shown where it belongs.
    """
    suffix = response_id.partition("_")[2] or response_id
    return [
        _shown(item, f"{suffix}_i{index}")
        for index, item in enumerate(given_items(body))
        if item.get("type") != REFERENCE
    ]


def output_of(answer: JsonObject) -> list[JsonObject]:
    """Return the items that a stored response object says."""
    output = answer.get("output")
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []


def continued(body: JsonObject, before: list[JsonObject]) -> JsonObject:
    """Return the body with these items before its own input."""
    if not before:
        return body
    return {**body, "input": [*before, *given_items(body)]}


def references(body: JsonObject) -> list[str]:
    """Return the ids of the items that the input only refers to."""
    return [str(item.get("id")) for item in given_items(body) if item.get("type") == REFERENCE]


def resolved(body: JsonObject, found: dict[str, JsonObject]) -> JsonObject:
    """Return the body with the items that were found in the place of their references."""
    if not found:
        return body
    items = [
        found.get(str(item.get("id")), item) if item.get("type") == REFERENCE else item
        for item in given_items(body)
    ]
    return {**body, "input": items}


def refuse_repeated(body: JsonObject, before: list[JsonObject]) -> None:
    """Raise `InvalidParameter` for an item of the input whose id another one has, as OpenAI does.

    A list that has an id twice cannot be paged through, and a conversation keeps one of them only.
    """
    taken = {item.get("id") for item in before}
    for item in given_items(body):
        item_id = own_id(item)
        if item_id is None:
            continue
        if item_id in taken:
            raise InvalidParameter(
                f"Duplicate item found with id {item_id}. Remove duplicate items from your input "
                "and try again.",
                param="input",
            )
        taken.add(item_id)


def response_of(item_id: str) -> str | None:
    """Return the id of the response whose item has this id; None for ids of another make."""
    suffix, _, place = item_id.partition("_")[2].rpartition("_")
    number = place.removeprefix("i")
    if not suffix or not number.isdecimal() or len(number) > MAX_INDEX_DIGITS:
        return None
    return f"resp_{suffix}"


def _shown(item: JsonObject, ending: str) -> JsonObject:
    if item.get("type") in RECORDS:
        return {"id": f"rec_{ending}", **item}
    return normalised(item, id=own_id(item) or f"{prefix_of(item)}{ending}")
