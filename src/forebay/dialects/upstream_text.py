"""Plain completions with engines: what is said to them, and their streams in every accent.

llama.cpp ignores `echo` and tells logprobs in the shape of Chat Completions, none at all when none
of the likeliest tokens are asked for. vLLM and SGLang count the tokens' offsets in other ways.
"""

from __future__ import annotations

import msgspec

from forebay.core.errors import UnsupportedParameter
from forebay.dialects.turn import Delta, JsonObject, TextTurn
from forebay.dialects.upstream_errors import stream_error
from forebay.dialects.upstream_events import (
    EventReader,
    UpstreamUsage,
    finish_of,
    stop_sequence,
)
from forebay.dialects.wire import encode


def encode_text_turn(turn: TextTurn, *, model: str, extra: JsonObject) -> bytes:
    """Return the body of a streamed completion of one prompt, under the engine's model name."""
    assert len(turn.prompts) == turn.choices == 1
    body: JsonObject = {
        **turn.extra,
        **turn.sampling,
        "model": model,
        "prompt": turn.prompts[0],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if body.get("logprobs") == 0:
        body["logprobs"] = 1  # or llama.cpp would tell none; who asked for 0 is not shown it
    if turn.max_output_tokens is not None:
        body["max_tokens"] = turn.max_output_tokens
    body.update(extra)
    return encode(body)


class _Likely(msgspec.Struct):
    token: str
    logprob: float | None = None


class _Token(_Likely):
    top_logprobs: list[_Likely] = []


class _Logprobs(msgspec.Struct):
    # The API's own shape.
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = None
    # The shape of Chat Completions.
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    text: str | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None
    # What ended the choice, in vLLM's and in SGLang's words.
    stop_reason: object = None
    matched_stop: object = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: UpstreamUsage | None = None
    error: object = None


_chunks = msgspec.json.Decoder(list[_Chunk])
_chunk = msgspec.json.Decoder(_Chunk)


class TextChunkReader(EventReader[_Chunk]):
    """Reads the bytes of one streamed completion as deltas.

    With `must_echo`, raises `UnsupportedParameter` for an answer that does not begin with the
    prompt: its first token alone has no logprob.
    """

    __slots__ = ("_must_echo", "_offset", "_text_length")

    def __init__(self, *, must_echo: bool = False) -> None:
        super().__init__(_chunks, _chunk)
        self._must_echo = must_echo
        self._offset = 0
        self._text_length = 0

    def _read(self, chunks: list[_Chunk], deltas: list[Delta]) -> None:
        for chunk in chunks:
            if chunk.error is not None:
                raise stream_error(chunk.error)
            usage = None if chunk.usage is None else chunk.usage.read()
            choice = chunk.choices[0] if chunk.choices else _NO_CHOICE
            finish_reason = finish_of(choice.finish_reason)
            if finish_reason is not None:
                self.has_finished = True
            if self._must_echo:
                self._check_echo(choice)
            delta = Delta(
                text=choice.text or "",
                text_logprobs=self._logprobs(choice.logprobs),
                finish_reason=finish_reason,
                stop_sequence=stop_sequence(finish_reason, choice.stop_reason, choice.matched_stop),
                usage=usage,
            )
            self._text_length += len(delta.text)
            if delta != _NOTHING:
                deltas.append(delta)

    def _check_echo(self, choice: _Choice) -> None:
        """Clear or refuse the answer by the first chunk that holds any of it."""
        if not (choice.text or choice.logprobs or choice.finish_reason):
            return
        first = None if choice.logprobs is None else choice.logprobs.token_logprobs
        if not first or first[0] is not None:
            raise UnsupportedParameter(
                "echo", "the engine of this model does not answer with the prompt's tokens"
            )
        self._must_echo = False

    def _logprobs(self, told: _Logprobs | None) -> JsonObject | None:
        """Return the logprobs in the API's shape, their offsets counted anew."""
        if told is None:
            return None
        if told.content is not None:
            told = _in_the_shape_of_the_api(told.content)
        tokens = told.tokens or []
        offsets = []
        # Text may lag behind its tokens (a stop string could be on its way), never the reverse.
        offset = max(self._offset, self._text_length)
        for token in tokens:
            offsets.append(offset)
            offset += len(token)
        self._offset = offset
        missing = [None] * len(tokens)
        return {
            "tokens": tokens,
            "token_logprobs": told.token_logprobs or missing,
            "top_logprobs": told.top_logprobs or missing,
            "text_offset": offsets,
        }


def _in_the_shape_of_the_api(content: list[_Token]) -> _Logprobs:
    # The likeliest tokens do not always hold the one that was drawn; the API's always do.
    tops = [
        {likely.token: likely.logprob for likely in (*token.top_logprobs, token)}
        for token in content
    ]
    return _Logprobs(
        tokens=[token.token for token in content],
        token_logprobs=[token.logprob for token in content],
        top_logprobs=[*tops],
    )


_NO_CHOICE = _Choice()
_NOTHING = Delta()
