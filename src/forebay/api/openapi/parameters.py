"""Parameters that many operations have."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from forebay.api.openapi.bodies import Includes
from forebay.api.openapi.operation import Parameter

AFTER = Parameter(
    "after", str, "The id after which the page begins: the `last_id` of the one before."
)

INCLUDE = Parameter(
    "include[]",
    Includes,
    "Named for the vendor's clients; what is kept is shown in any case.",
)

WINDOW = Parameter(
    "X-Completion-Window",
    str,
    "Names the completion window, where a client cannot set `metadata.completion_window`.",
    is_header=True,
)

IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    Annotated[str, Meta(min_length=1, max_length=255, pattern="^[ -~]+$")],
    "Sent again with the same key and body within a day, the call makes nothing new and costs "
    "nothing: it is answered with what the first one made. While that still runs the answer is a "
    "409. With another body, or another `X-Completion-Window`, it is refused. Also taken as "
    "`anthropic-idempotency-key`.",
    is_header=True,
)

VERSION = Parameter(
    "anthropic-version",
    str,
    "Sent by Anthropic's clients, who are then answered in Anthropic's words.",
    is_header=True,
)


def limit(*, default: int, most: int) -> Parameter:
    """Return the parameter that says how long a page may be."""
    kind = Annotated[int, Meta(ge=1, le=most, extra_json_schema={"default": default})]
    return Parameter("limit", kind, "How many a page has at most.")


def order(*, default: Literal["asc", "desc"]) -> Parameter:
    """Return the parameter that says which end a list begins with."""
    kind = Annotated[str, Meta(extra_json_schema={"enum": ["asc", "desc"], "default": default})]
    return Parameter("order", kind, "`asc` is oldest first, `desc` newest first.")
