"""What we say to engines, and what they answer: streamed Chat Completions, in every accent.

The reader is on the hottest path of the house: a stream's chunks are decoded together, by one call
for all that one read brought, and event by event only when that fails.
"""

from __future__ import annotations

import msgspec

from forebay.core.errors import (
    EngineFailed,
)
from forebay.core.money import Usage
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece, Turn
from forebay.dialects.upstream_errors import UNREADABLE, stream_error
from forebay.dialects.wire import encode

MAX_EVENT_BYTES = 32 * 1024 * 1024


def encode_turn(turn: Turn, *, model: str, extra: JsonObject) -> bytes:
    """Return the body of a streamed chat completion for `turn`, under the engine's model name."""
    body: JsonObject = {
        **turn.extra,
        **turn.sampling,
        "model": model,
        "messages": turn.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if turn.max_output_tokens is not None:
        body["max_tokens"] = turn.max_output_tokens
    # Some engines put the tools into the prompt even when none may be called.
    if turn.tools and turn.tool_choice != "none":
        body["tools"] = turn.tools
        if turn.tool_choice is not None:
            body["tool_choice"] = turn.tool_choice
        if turn.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = turn.parallel_tool_calls
    if turn.response_format is not None:
        body["response_format"] = turn.response_format
    if extra:
        body.update(extra)
    return encode(body)


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolPiece(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolPiece] | None = None


class _Logprobs(msgspec.Struct):
    content: list[JsonObject] | None = None


class _Choice(msgspec.Struct):
    delta: _Message | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None
    # The stop string that matched, in vLLM's and in SGLang's words (both may hold a token's id).
    stop_reason: object = None
    matched_stop: object = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: object = None


_chunks = msgspec.json.Decoder(list[_Chunk])
_chunk = msgspec.json.Decoder(_Chunk)


class ChunkReader:
    """Reads the bytes of one engine stream as deltas.

    `is_done` turns true at `[DONE]`; an engine that leaves it out has still answered when a finish
    reason came.
    """

    __slots__ = ("_calls", "_rest", "has_finished", "is_done")

    def __init__(self) -> None:
        self._rest = b""
        self._calls = _CallNumbers()
        self.is_done = False
        self.has_finished = False

    def feed(self, piece: bytes) -> list[Delta]:
        """Return the deltas that `piece` completes; raises `EngineFailed` for what is no answer."""
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

    def _decode(self, events: bytes) -> list[_Chunk]:
        if events.startswith(b"data: {"):
            body = events[6:]
            is_done = body.endswith(b"\n\ndata: [DONE]")
            if is_done:
                body = body[:-14]
            # A raw line feed cannot stand inside JSON text, so this splits nothing but events.
            try:
                chunks = _chunks.decode(b"[" + body.replace(b"\n\ndata: ", b",") + b"]")
            except UNREADABLE:
                pass
            else:
                self.is_done = self.is_done or is_done
                return chunks
        return self._decode_one_by_one(events)

    def _decode_one_by_one(self, events: bytes) -> list[_Chunk]:
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
                chunks.append(_chunk.decode(data))
            except UNREADABLE as error:
                raise EngineFailed(f"the engine sent an unreadable event: {error}") from None
        return chunks

    def _deltas(self, chunks: list[_Chunk]) -> list[Delta]:
        deltas = []
        for chunk in chunks:
            if chunk.error is not None:
                raise stream_error(chunk.error)
            usage = None if chunk.usage is None else _usage(chunk.usage)
            if not chunk.choices:
                if usage is not None:
                    deltas.append(Delta(usage=usage))
                continue
            choice = chunk.choices[0]
            message = choice.delta or _EMPTY
            finish_reason = choice.finish_reason
            if finish_reason is not None:
                self.has_finished = True
            elif (
                usage is None
                and message.content
                and choice.logprobs is None
                and not (message.tool_calls or message.reasoning_content or message.reasoning)
            ):
                deltas.append(Delta(text=message.content))
                continue
            delta = _delta(choice, usage, self._calls)
            if delta is not None:
                deltas.append(delta)
        return deltas


class _CallNumbers:
    """Numbers the tool calls of one answer from 0, in the order in which they begin.

    Some engines count from 1, and some send every parallel call under index 0 with its own id.
    """

    def __init__(self) -> None:
        self._count = 0
        self._begun: dict[int, tuple[int, str | None]] = {}

    def piece(self, piece: _ToolPiece) -> ToolCallPiece:
        """Return the piece under the number of its call."""
        function = piece.function or _NO_FUNCTION
        number, call_id = self._begun.get(piece.index, (-1, None))
        is_another = bool(piece.id and call_id and piece.id != call_id and function.name)
        if number < 0 or is_another:
            number = self._count
            self._count += 1
            self._begun[piece.index] = (number, piece.id)
        return ToolCallPiece(
            number, piece.id or None, function.name or None, function.arguments or ""
        )


def _delta(choice: _Choice, usage: Usage | None, calls: _CallNumbers) -> Delta | None:
    message = choice.delta or _EMPTY
    logprobs = () if choice.logprobs is None else tuple(choice.logprobs.content or ())
    delta = Delta(
        text=message.content or "",
        reasoning=message.reasoning_content or message.reasoning or "",
        refusal=message.refusal or "",
        tool_calls=tuple([calls.piece(piece) for piece in message.tool_calls or ()]),
        logprobs=logprobs,
        finish_reason=choice.finish_reason,
        stop_sequence=_stop_sequence(choice),
        usage=usage,
    )
    return None if delta == _NOTHING else delta


_NOTHING = Delta()
_EMPTY = _Message()
_NO_FUNCTION = _Function()


def _stop_sequence(choice: _Choice) -> str | None:
    for match in (choice.stop_reason, choice.matched_stop):
        if choice.finish_reason == "stop" and isinstance(match, str):
            return match
    return None


def _usage(usage: _Usage) -> Usage:
    cached = usage.prompt_tokens_details
    reasoning = usage.completion_tokens_details
    return Usage(
        input_tokens=usage.prompt_tokens or 0,
        cached_tokens=(cached.cached_tokens or 0) if cached else 0,
        output_tokens=usage.completion_tokens or 0,
        reasoning_tokens=(reasoning.reasoning_tokens or 0) if reasoning else 0,
    )
