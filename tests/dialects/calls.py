"""What the dialect tests share: a parsed call, a folded answer, and streams read back as events."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from forebay.core.clock import Instant
from forebay.core.money import Usage
from forebay.core.requests import RequestStatus
from forebay.core.windows import Band
from forebay.dialects.answer import Answer
from forebay.dialects.dialect import Call, Dialect, Outcome
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece

ACCEPTED_AT = Instant(1_760_000_000_250)
FINISHED_AT = Instant(1_760_000_009_750)
USAGE = Usage(input_tokens=20, cached_tokens=8, output_tokens=12, reasoning_tokens=5)

ID_BODY = "0123456789abcdef0123456789abcdef"

Event = dict[str, Any]


def call_of(dialect: Dialect, body: JsonObject, *, band: Band = Band.INTERACTIVE) -> Call:
    """Return the call that `body` makes."""
    turn, wishes = dialect.parse(body)
    return Call(
        id=dialect.id_prefix() + ID_BODY,
        created_at=ACCEPTED_AT,
        body=body,
        model=turn.model,
        wishes=wishes,
        window="asap",
        band=band,
    )


def answer_of(deltas: Iterable[Delta]) -> Answer:
    """Return the fold of the deltas."""
    answer = Answer()
    for delta in deltas:
        answer.add(delta)
    return answer


def outcome_of(
    deltas: Iterable[Delta],
    status: RequestStatus = RequestStatus.COMPLETED,
    **others: Any,
) -> Outcome:
    """Return how a turn with these deltas ended."""
    return Outcome(status=status, answer=answer_of(deltas), finished_at=FINISHED_AT, **others)


def streamed(
    dialect: Dialect, call: Call, deltas: list[Delta], outcome: Outcome | None = None
) -> bytes:
    """Return the whole stream of an answer."""
    writer = dialect.writer(call)
    body = writer.open() + b"".join([writer.write([delta]) for delta in deltas])
    return body + writer.close(outcome or outcome_of(deltas))


def events(stream: bytes) -> list[Event]:
    """Return the stream's payloads, checking that each event's name is its payload's type."""
    found = []
    for event in stream.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        if fields["data"] == "[DONE]":
            continue
        payload = json.loads(fields["data"])
        if "event" in fields:
            assert fields["event"] == payload["type"]
        found.append(payload)
    return found


def text(*pieces: str) -> list[Delta]:
    """Return text deltas."""
    return [Delta(text=piece) for piece in pieces]


def reasoning(*pieces: str) -> list[Delta]:
    """Return reasoning deltas."""
    return [Delta(reasoning=piece) for piece in pieces]


def tool_call(index: int, id: str | None, name: str, *arguments: str) -> list[Delta]:
    """Return the deltas of one tool call, as engines send them: id and name first."""
    first = Delta(tool_calls=(ToolCallPiece(index, id, name),))
    return [first, *[Delta(tool_calls=(ToolCallPiece(index, arguments=a),)) for a in arguments]]


def finish(reason: str = "stop") -> list[Delta]:
    """Return the deltas that end an answer: the reason, then the usage."""
    return [Delta(finish_reason=reason), Delta(usage=USAGE)]
