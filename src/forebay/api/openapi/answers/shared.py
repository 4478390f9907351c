"""What many answers have: Forebay's own fields, lists, and what deletion says."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from forebay.dialects.metadata import MAX_KEY_CHARACTERS, MAX_PAIRS, MAX_VALUE_CHARACTERS

Seconds = Annotated[int, Meta(description="Seconds since 1970.")]
Count = Annotated[int, Meta(ge=0)]
Tier = Literal["default", "flex"]

Metadata = Annotated[
    dict[
        Annotated[str, Meta(max_length=MAX_KEY_CHARACTERS)],
        Annotated[str, Meta(max_length=MAX_VALUE_CHARACTERS)],
    ],
    Meta(max_length=MAX_PAIRS),
]


class Cost(msgspec.Struct):
    """What a turn cost: a decimal number of units of the currency."""

    amount: str
    currency: str


class Progress(msgspec.Struct):
    """How far a running response is; `eta_s` is left out where nothing like it has ended lately."""

    output_tokens: Count
    elapsed_s: Annotated[float, Meta(ge=0)]
    eta_s: Annotated[float, Meta(ge=0)] | UnsetType = UNSET


class Forebay(msgspec.Struct):
    """What is Forebay's own: the completion window, its deadline, and the bill.

    While a response waits there are its `position` (1 is the next) and when it is expected to begin
    and to end, while it runs its `progress`: estimates from what ended lately.
    """

    window: str | UnsetType = UNSET
    deadline_at: Seconds | UnsetType = UNSET
    position: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    expected_start_at: Seconds | UnsetType = UNSET
    expected_at: Seconds | UnsetType = UNSET
    progress: Progress | UnsetType = UNSET
    retry_of: str | UnsetType = UNSET
    attempt: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    cost: Cost | UnsetType = UNSET
    window_missed: Literal[True] | UnsetType = UNSET


class Page(msgspec.Struct):
    """One page of a list; the next one begins `after` its `last_id`."""

    object: Literal["list"]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(msgspec.Struct):
    """What was deleted."""

    id: str
    object: str
    deleted: Literal[True]


class LogprobChoice(msgspec.Struct):
    """A token that was likely at a place."""

    token: str
    logprob: float
    bytes: list[int] | UnsetType | None = UNSET


class Logprob(msgspec.Struct):
    """A token of the answer, and those that were likely in its place."""

    token: str
    logprob: float
    bytes: list[int] | UnsetType | None = UNSET
    top_logprobs: list[LogprobChoice] | UnsetType = UNSET
