"""Reading the streams of background responses, frame by frame."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

from tests.lanes.house import CALLER, House


def read_frames(events: bytes) -> list[dict[str, Any]]:
    """Return the data of the events; `[DONE]` is the last or not there."""
    found = []
    for frame in events.split(b"\n\n"):
        data = frame.partition(b"data: ")[2]
        if data and data != b"[DONE]":
            found.append(json.loads(data))
    return found


async def whole_stream(
    house: House, request_id: str, *, starting_after: int | None = None
) -> list[dict[str, Any]]:
    """Return the events of a response to the end of its stream, which it must come to."""
    events = b""
    stream = house.background.events(CALLER, request_id, starting_after=starting_after)
    async with aclosing(stream):
        async for piece in stream:
            events += piece
    assert events.endswith(b"data: [DONE]\n\n")
    return read_frames(events)


async def seen_until(house: House, request_id: str, kind: str) -> list[dict[str, Any]]:
    """Return the events of a response up to the first of this type, as a reader sees them live."""
    seen: list[dict[str, Any]] = []
    stream = house.background.events(CALLER, request_id)
    async with aclosing(stream):
        async for piece in stream:
            seen += read_frames(piece)
            if any(event["type"] == kind for event in seen):
                return seen
    raise AssertionError(f"the stream ended without {kind}")


def text_of(events: list[dict[str, Any]]) -> str:
    """Return all the text that the deltas tell."""
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


def numbers_of(events: list[dict[str, Any]]) -> list[int]:
    """Return the sequence numbers."""
    return [event["sequence_number"] for event in events]
