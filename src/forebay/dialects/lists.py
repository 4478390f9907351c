"""OpenAI's lists: a page of objects that all have an id, and the cursor to the next."""

from __future__ import annotations

from collections.abc import Iterable

from forebay.core.errors import InvalidParameter
from forebay.dialects.turn import JsonObject


def list_object(page: list[JsonObject], *, has_more: bool) -> JsonObject:
    """Return a page as OpenAI shows it."""
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": has_more,
    }


def page_of(
    objects: list[JsonObject], *, limit: int, after: str | None, is_oldest_first: bool
) -> JsonObject:
    """Return a page out of `objects`, which are oldest first.

    Raises `InvalidParameter` when none of them has the id `after`.
    """
    ordered = objects if is_oldest_first else objects[::-1]
    begin = 0
    if after is not None:
        ids = [entry["id"] for entry in ordered]
        if after not in ids:
            raise not_in_list("item", after)
        begin = ids.index(after) + 1
    page = ordered[begin : begin + limit]
    return list_object(page, has_more=len(ordered) > begin + limit)


def not_in_list(what: str, after: str) -> InvalidParameter:
    """Return the error for a page that is to begin after what the list does not have."""
    return InvalidParameter(f"No {what} with id '{after}' is in this list.", param="after")


def unknown_value(param: str, value: str, known: Iterable[str]) -> InvalidParameter:
    """Return the error for a value of a filter that nothing can have."""
    names = ", ".join(f"'{name}'" for name in known) or "none"
    return InvalidParameter(f"Invalid value: '{value}'. Known values are: {names}.", param=param)
