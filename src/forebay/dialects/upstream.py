"""What we say to engines, and what they answer: streamed Chat Completions, in every accent.

The reader is on the hottest path of the house (see `upstream_events`).
"""

from __future__ import annotations

import msgspec

from forebay.core.money import Usage
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece, Turn
from forebay.dialects.upstream_errors import stream_error
from forebay.dialects.upstream_events import (
    EventReader,
    UpstreamUsage,
    finish_of,
    stop_sequence,
)
from forebay.dialects.wire import encode


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
    if body.get("logprobs") and not body.get("top_logprobs"):
        # Or llama.cpp would tell twenty of the likeliest tokens, and for 0 no logprobs at all; who
        # asked for none of them is not shown it.
        body["top_logprobs"] = 1
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
    index: int | None = None
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
    # What ended the choice, in vLLM's and in SGLang's words.
    stop_reason: object = None
    matched_stop: object = None


class _Verbose(msgspec.Struct):
    stopping_word: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: UpstreamUsage | None = None
    error: object = None
    # Where llama.cpp, when asked to be verbose, tells what ended the choice.
    verbose: _Verbose | None = msgspec.field(default=None, name="__verbose")


_chunks = msgspec.json.Decoder(list[_Chunk])
_chunk = msgspec.json.Decoder(_Chunk)


class ChunkReader(EventReader[_Chunk]):
    """Reads the bytes of one streamed chat completion as deltas."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        super().__init__(_chunks, _chunk)
        self._calls = _CallNumbers()

    def _read(self, chunks: list[_Chunk], deltas: list[Delta]) -> None:
        for chunk in chunks:
            if chunk.error is not None:
                raise stream_error(chunk.error)
            usage = None if chunk.usage is None else chunk.usage.read()
            if not chunk.choices:
                if usage is not None:
                    deltas.append(Delta(usage=usage))
                continue
            choice = chunk.choices[0]
            message = choice.delta or _EMPTY
            if choice.finish_reason is not None:
                choice.finish_reason = finish_of(choice.finish_reason)
            if choice.finish_reason is not None:
                self.has_finished = True
                if chunk.verbose is not None:
                    choice.stop_reason = chunk.verbose.stopping_word or None
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


class _CallNumbers:
    """Numbers the tool calls of one answer from 0, in the order in which they begin.

    Some engines count from 1, or not at all, and some send every parallel call under index 0 with
    its own id. Clients join what they are told twice, so an id is told with the first piece alone,
    and a name once; an id that comes later, or another one, is nobody's.
    """

    def __init__(self) -> None:
        self._count = 0
        self._begun: dict[int, tuple[int, str | None]] = {}
        self._named: set[int] = set()

    def piece(self, piece: _ToolPiece) -> ToolCallPiece:
        """Return the piece under the number of its call."""
        function = piece.function or _NO_FUNCTION
        index = piece.index or 0
        number, call_id = self._begun.get(index, (-1, None))
        is_another = bool(piece.id and call_id and piece.id != call_id and function.name)
        is_first = number < 0 or is_another
        if is_first:
            number = self._count
            self._count += 1
            self._begun[index] = (number, piece.id)
        name = None if number in self._named else function.name or None
        if name is not None:
            self._named.add(number)
        call_id = piece.id or None if is_first else None
        return ToolCallPiece(number, call_id, name, function.arguments or "")


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
        stop_sequence=stop_sequence(choice.finish_reason, choice.stop_reason, choice.matched_stop),
        usage=usage,
    )
    return None if delta == _NOTHING else delta


_NOTHING = Delta()
_EMPTY = _Message()
_NO_FUNCTION = _Function()
