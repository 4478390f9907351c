"""What every inference API offers to the lanes: one body in, one turn; deltas in, one answer out.

A dialect is stateless. The state of one answer being written lives in the `Writer` that it makes:
the lanes feed it deltas and send what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec

from forebay.core.clock import Instant
from forebay.core.errors import ForebayError
from forebay.core.requests import RequestStatus
from forebay.core.windows import Band
from forebay.dialects.answer import Answer
from forebay.dialects.turn import AnyTurn, Delta, JsonObject


class DialectName(StrEnum):
    """The inference APIs; the values are stored."""

    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a body asks for beyond the turn itself: delivery, window, and what to keep."""

    is_streamed: bool = False
    is_background: bool = False
    is_stored: bool = False
    service_tier: str | None = None
    metadata: dict[str, str] = {}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One parsed call, as its answer shows it. `body` is what the caller sent (parts are echoed).

    `model` is the served model's own name, which may differ from what the caller wrote.
    `request_id` is the one of the exchange, for a call that somebody waits for.
    """

    id: str
    created_at: Instant
    body: JsonObject
    model: str
    wishes: Wishes
    window: str
    band: Band
    request_id: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a turn stands or ended, as a final object shows it.

    `answer` is what was produced (empty while queued); `error` is set when `status` is failed;
    `extension` is what goes under the key `forebay`. `first_index` is where the answer's items
    begin in a stream that has those of earlier attempts before them.
    """

    status: RequestStatus
    answer: Answer = msgspec.field(default_factory=Answer)
    finished_at: Instant | None = None
    error: ForebayError | None = None
    extension: JsonObject = {}
    first_index: int = 0


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error as the caller's API says it."""

    status: int
    body: JsonObject
    headers: dict[str, str] = field(default_factory=dict)


class Writer(Protocol):
    """Writes one streamed answer as server-sent events. Each call returns the bytes to send."""

    def open(self) -> bytes:
        """Return the events that come before the first delta."""
        ...

    def write(self, deltas: list[Delta]) -> bytes:
        """Return the events for these deltas; empty when they show nothing."""
        ...

    def refuse(self, error: ForebayError) -> bytes:
        """Return the whole of a stream that an error ends before it has begun."""
        ...

    def close(self, outcome: Outcome) -> bytes:
        """Return the events that end a stream: completed, incomplete, or failed."""
        ...


class Dialect(Protocol):
    """One inference API."""

    name: DialectName

    def within(self, project_id: str) -> Dialect:
        """Return the dialect for one project's calls: what is sealed in them is its own."""
        ...

    def parse(self, body: JsonObject) -> tuple[AnyTurn, Wishes]:
        """Return what the body asks for; raises `RequestRejected` with the field's name."""
        ...

    def wishes(self, body: JsonObject) -> Wishes:
        """Return the wishes alone of a body that was parsed before, to show what came of it."""
        ...

    def final(self, call: Call, outcome: Outcome) -> JsonObject:
        """Return the answer as one object."""
        ...

    def writer(self, call: Call) -> Writer:
        """Return a writer for the streamed answer of `call`."""
        ...

    def error(self, error: ForebayError, *, request_id: str) -> ErrorReply:
        """Return the error in this API's words."""
        ...

    def id_prefix(self) -> str:
        """Return the prefix of the ids of this API's answers."""
        ...


def final_status(answer: Answer) -> RequestStatus:
    """Return the status of a turn that ran to its end."""
    if any(choice.finish_reason in ("length", "content_filter") for choice in answer.choices):
        return RequestStatus.INCOMPLETE
    return RequestStatus.COMPLETED


def openai_tier(band: Band) -> str:
    """Return the band as OpenAI's `service_tier`, whose strict clients know no other words."""
    return "default" if band is Band.INTERACTIVE else "flex"
