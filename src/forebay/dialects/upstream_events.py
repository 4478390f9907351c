"""The reading of an engine's stream, event by event: what chats and plain texts share.

This is on the hottest path of the house: the events that one read brought are decoded together, by
one call, and event by event only when that fails.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import msgspec

from forebay.core.engine_errors import EngineFailed, EngineUnavailable
from forebay.core.errors import ForebayError
from forebay.core.money import Usage
from forebay.dialects.turn import Delta
from forebay.dialects.upstream_errors import UNREADABLE, stream_error

T = TypeVar("T")

MAX_EVENT_BYTES = 32 * 1024 * 1024
MAX_TOKENS = 1_000_000_000


class EventReader(ABC, Generic[T]):
    """Reads the bytes of one engine stream as deltas.

    `is_done` turns true at `[DONE]`, which some engines leave out. `has_finished` turns true at the
    finish reason, without which no answer is whole: some say `[DONE]` after an error, too. What an
    engine said before an `error` counts, however both came.
    """

    __slots__ = ("_many", "_one", "_rest", "error", "has_finished", "is_done")

    def __init__(self, many: msgspec.json.Decoder[list[T]], one: msgspec.json.Decoder[T]) -> None:
        self._many = many
        self._one = one
        self._rest = b""
        self.error: ForebayError | None = None
        self.is_done = False
        self.has_finished = False

    @abstractmethod
    def _read(self, chunks: list[T], deltas: list[Delta]) -> None:
        """Add what the events' payloads say, noting in `has_finished` whether one ends it.

        Raises the error that one of them tells.
        """

    def _deltas(self, chunks: list[T]) -> list[Delta]:
        deltas: list[Delta] = []
        try:
            self._read(chunks, deltas)
        except ForebayError as error:
            if not deltas:
                raise
            self.error = error
        return deltas

    def feed(self, piece: bytes) -> list[Delta]:
        """Return the deltas that `piece` completes; raises `EngineFailed` for what is no answer."""
        # An engine that streams at its own pace sends one whole event at a time.
        if (
            not self._rest
            and piece.startswith(b"data: {")
            and piece.find(b"\n\n") == len(piece) - 2
        ):
            try:
                chunk = self._one.decode(piece[6:])
            except UNREADABLE:
                pass
            else:
                return self._deltas([chunk])
        buffer = self._rest + piece if self._rest else piece
        if b"\r" in buffer:
            buffer = buffer.replace(b"\r\n", b"\n")
        end = buffer.rfind(b"\n\n")
        if end < 0:
            if len(buffer) > MAX_EVENT_BYTES:
                raise EngineFailed("the engine sent an event without an end")
            self._rest = buffer
            return []
        self._rest = buffer[end + 2 :]
        return self._deltas(self._decode(buffer[:end]))

    def broken(self) -> ForebayError:
        """Return why a stream had no finish reason: an error may be all that was there, as JSON."""
        try:
            alone = msgspec.json.decode(self._rest, type=_Alone)
        except UNREADABLE:
            return EngineUnavailable("the engine broke off its answer")
        return stream_error(alone.error)

    def _decode(self, events: bytes) -> list[T]:
        if events.startswith(b"data: {"):
            body = events[6:]
            is_done = body.endswith(b"\n\ndata: [DONE]")
            if is_done:
                body = body[:-14]
            # A raw line feed cannot stand inside JSON text, so this splits nothing but events.
            try:
                chunks = self._many.decode(b"[" + body.replace(b"\n\ndata: ", b",") + b"]")
            except UNREADABLE:
                pass
            else:
                self.is_done = self.is_done or is_done
                return chunks
        return self._decode_one_by_one(events)

    def _decode_one_by_one(self, events: bytes) -> list[T]:
        chunks = []
        for event in events.split(b"\n\n"):
            lines = event.split(b"\n")
            data = b"\n".join([line[5:].lstrip(b" ") for line in lines if line[:5] == b"data:"])
            if not data:
                continue
            if data == b"[DONE]":
                self.is_done = True
                continue
            try:
                chunks.append(self._one.decode(data))
            except UNREADABLE as error:
                failed = EngineFailed(f"the engine sent an unreadable event: {error}")
                if not chunks:
                    raise failed from None
                self.error = failed
                break
        return chunks


class _Alone(msgspec.Struct):
    error: object


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class UpstreamUsage(msgspec.Struct):
    """Usage as engines tell it."""

    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None

    def read(self) -> Usage:
        """Return it in our words."""
        cached = self.prompt_tokens_details
        reasoning = self.completion_tokens_details
        return Usage(
            input_tokens=count_of(self.prompt_tokens),
            cached_tokens=count_of(cached.cached_tokens) if cached else 0,
            output_tokens=count_of(self.completion_tokens),
            reasoning_tokens=count_of(reasoning.reasoning_tokens) if reasoning else 0,
        )


def count_of(told: int | None) -> int:
    """Return a count of tokens that can be charged: no caller is paid for a call."""
    return min(max(told or 0, 0), MAX_TOKENS)


# What engines say beside the API's own words, and what they say when they give a choice up.
_FINISHES = {
    "": None,  # from engines that send the field with every chunk
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "max_length": "length",
    "max_tokens": "length",
}
_BREAKS = ("abort", "aborted", "cancelled", "error", "timeout")


def finish_of(told: str | None) -> str | None:
    """Return a finish reason in the API's words; raises `EngineFailed` for one that is none."""
    if told in _BREAKS:
        raise EngineFailed(f"the engine gave its answer up ('{told}')")
    return told if told is None else _FINISHES.get(told, told)


def stop_sequence(finish_reason: str | None, *matches: object) -> str | None:
    """Return the stop string that ended a choice, from what engines say that matched.

    What matched may also be a token, told by its id.
    """
    if finish_reason == "stop":
        for match in matches:
            if isinstance(match, str):
                return match
    return None
