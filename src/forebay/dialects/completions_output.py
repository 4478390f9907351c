"""What Completions answers with: the `text_completion` object, and the chunks of a streamed one."""

from __future__ import annotations

from collections.abc import Mapping

from forebay.core.clock import seconds_of
from forebay.core.errors import ForebayError
from forebay.core.money import Usage
from forebay.core.requests import RequestStatus
from forebay.dialects.answer import Answer
from forebay.dialects.chat_output import usage_object
from forebay.dialects.completions_prompt import echoed_texts
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.errors import openai_error
from forebay.dialects.turn import Delta, JsonObject
from forebay.dialects.wire import DONE, data, encode

_MARK = "\x00 the text of a chunk \x00"
_FINISH_REASONS = ("stop", "length", "content_filter")


def completion_object(call: Call, outcome: Outcome) -> JsonObject:
    """Return the `text_completion` object."""
    answer = outcome.answer
    echoes = echoed_texts(call.body)
    wanted = _wanted_logprobs(call)
    completion: JsonObject = {
        **_head(call),
        "choices": [
            {
                "text": (echoes[index] if echoes else "") + choice.text,
                "index": index,
                "logprobs": _logprobs(choice.text_logprobs, wanted),
                "finish_reason": _finish_reason(choice),
            }
            for index, choice in enumerate(answer.choices)
        ],
        "usage": usage_object(answer.usage or Usage()),
    }
    if outcome.extension:
        completion["forebay"] = outcome.extension
    return completion


class CompletionsWriter:
    """Writes the chunks of one streamed completion.

    The finish chunks are held back until `close`, so that everything is settled before they go.
    """

    def __init__(self, call: Call) -> None:
        self._head = _head(call)
        self._wanted = _wanted_logprobs(call)
        self._echoes = echoed_texts(call.body)
        options = call.body.get("stream_options")
        self._is_usage_wanted = isinstance(options, dict) and bool(options.get("include_usage"))
        if self._is_usage_wanted:
            self._head["usage"] = None
        # Text is the hot path: its chunk is put together from bytes made once a stream.
        self._before_text, self._after_text = self._chunk(0, _MARK).split(encode(_MARK))

    def open(self) -> bytes:
        """Return the prompts, where they are echoed."""
        return b"".join([self._chunk(index, text) for index, text in enumerate(self._echoes)])

    def write(self, deltas: list[Delta]) -> bytes:
        """Return a chunk for each delta that carries output."""
        return b"".join([self._piece(delta) for delta in deltas])

    def refuse(self, error: ForebayError) -> bytes:
        """Return the error that is all of the stream."""
        return data(openai_error(error).body) + DONE

    def close(self, outcome: Outcome) -> bytes:
        """Return the finish chunks, the usage if asked for, and `[DONE]`; or the error."""
        if outcome.status is RequestStatus.FAILED:
            assert outcome.error is not None
            return data(openai_error(outcome.error).body) + DONE
        answer = outcome.answer
        ends = [
            self._object(index, finish_reason=_finish_reason(choice))
            for index, choice in enumerate(answer.choices)
        ]
        if self._is_usage_wanted:
            usage = usage_object(answer.usage or Usage())
            ends.append({**self._head, "choices": [], "usage": usage})
        if outcome.extension:
            ends[-1]["forebay"] = outcome.extension
        return b"".join([data(end) for end in ends]) + DONE

    def _piece(self, delta: Delta) -> bytes:
        logprobs = None
        if delta.text_logprobs is not None:
            logprobs = _logprobs([delta.text_logprobs], self._wanted)
        if logprobs is None:
            if not delta.text:
                return b""
            if delta.choice == 0:
                return b"%b%b%b" % (self._before_text, encode(delta.text), self._after_text)
        return self._chunk(delta.choice, delta.text, logprobs=logprobs)

    def _chunk(self, index: int, text: str, *, logprobs: JsonObject | None = None) -> bytes:
        return data(self._object(index, text, logprobs=logprobs))

    def _object(
        self,
        index: int,
        text: str = "",
        *,
        logprobs: JsonObject | None = None,
        finish_reason: str | None = None,
    ) -> JsonObject:
        choice: JsonObject = {
            "text": text,
            "index": index,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
        }
        return {**self._head, "choices": [choice]}


def _head(call: Call) -> JsonObject:
    return {
        "id": call.id,
        "object": "text_completion",
        "created": seconds_of(call.created_at),
        "model": call.model,
    }


def _wanted_logprobs(call: Call) -> int | None:
    wanted = call.body.get("logprobs")
    return wanted if isinstance(wanted, int) else None


def _logprobs(pieces: list[JsonObject], wanted: int | None) -> JsonObject | None:
    """Return the logprobs of several chunks as one object, with `wanted` of the likeliest."""
    if wanted is None or not pieces:
        return None
    tokens = _joined(pieces, "tokens")
    tops = _joined(pieces, "top_logprobs")
    return {
        "tokens": tokens,
        "token_logprobs": _joined(pieces, "token_logprobs"),
        "top_logprobs": [
            _top(top, token, wanted) for top, token in zip(tops, tokens, strict=False)
        ],
        "text_offset": _joined(pieces, "text_offset"),
    }


def _joined(pieces: list[JsonObject], name: str) -> list[object]:
    joined: list[object] = []
    for piece in pieces:
        values = piece[name]
        assert isinstance(values, list)
        joined += values
    return joined


def _top(top: object, token: object, wanted: int) -> JsonObject | None:
    """Return the likeliest tokens, and always the one that was drawn."""
    if not isinstance(top, Mapping):
        return None
    likeliest = sorted(top, key=lambda name: _likelihood(top[name]), reverse=True)[:wanted]
    return {name: top[name] for name in top if name in likeliest or name == token}


def _likelihood(logprob: object) -> float:
    return logprob if isinstance(logprob, float | int) else float("-inf")


def _finish_reason(answer: Answer) -> str:
    reason = answer.finish_reason
    return reason if reason in _FINISH_REASONS else "stop"
