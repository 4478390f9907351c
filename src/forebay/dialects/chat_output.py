"""What Chat Completions answers with: the completion object, and the chunks of a streamed one."""

from __future__ import annotations

from forebay.core.clock import seconds_of
from forebay.core.errors import ForebayError
from forebay.core.money import Usage
from forebay.core.requests import RequestStatus
from forebay.dialects.answer import Answer, ToolCall
from forebay.dialects.dialect import Call, Outcome, openai_tier
from forebay.dialects.errors import openai_error
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from forebay.dialects.wire import DONE, data, encode

_MARK = "\x00 the text of a chunk \x00"


def completion_object(call: Call, outcome: Outcome) -> JsonObject:
    """Return the `chat.completion` object."""
    answer = outcome.answer
    likeliest = _wanted_likeliest(call)
    completion: JsonObject = {
        "id": call.id,
        "object": "chat.completion",
        "created": seconds_of(call.created_at),
        "model": call.model,
        "choices": [
            {
                "index": index,
                "message": _message(call.id, index, choice),
                "logprobs": _logprobs(choice.logprobs, likeliest),
                "finish_reason": _finish_reason(choice),
            }
            for index, choice in enumerate(answer.choices)
        ],
        "usage": usage_object(answer.usage or Usage()),
        "service_tier": openai_tier(call.band),
    }
    if outcome.extension:
        completion["forebay"] = outcome.extension
    return completion


class ChatWriter:
    """Writes the chunks of one streamed completion.

    The finish chunk is held back until `close`, so that everything is settled before it is sent.
    """

    def __init__(self, call: Call) -> None:
        self._head: JsonObject = {
            "id": call.id,
            "object": "chat.completion.chunk",
            "created": seconds_of(call.created_at),
            "model": call.model,
            "service_tier": openai_tier(call.band),
        }
        self._likeliest = _wanted_likeliest(call)
        options = call.body.get("stream_options")
        self._is_usage_wanted = isinstance(options, dict) and bool(options.get("include_usage"))
        if self._is_usage_wanted:
            self._head["usage"] = None
        # Text is the hot path: its chunk is put together from bytes made once a stream.
        self._before_text, self._after_text = self._chunk({"content": _MARK}).split(encode(_MARK))

        self._choice_count = call.body.get("n") or 1
        self._call_id = call.id
        self._begun: set[tuple[int, int]] = set()

    def open(self) -> bytes:
        """Return the chunk of each choice that names the role."""
        first: JsonObject = {"role": "assistant", "content": "", "refusal": None}
        assert isinstance(self._choice_count, int)
        return b"".join([self._chunk(first, index) for index in range(self._choice_count)])

    def write(self, deltas: list[Delta]) -> bytes:
        """Return a chunk for each delta that carries output."""
        if len(deltas) == 1:
            return self._piece(deltas[0])
        return b"".join([self._piece(delta) for delta in deltas])

    def refuse(self, error: ForebayError) -> bytes:
        """Return the error that is all of the stream."""
        return data(openai_error(error).body) + DONE

    def close(self, outcome: Outcome) -> bytes:
        """Return the finish chunk, the usage if asked for, and `[DONE]`; or the error."""
        if outcome.status is RequestStatus.FAILED:
            assert outcome.error is not None
            return data(openai_error(outcome.error).body) + DONE
        answer = outcome.answer
        extension: JsonObject = {"forebay": outcome.extension} if outcome.extension else {}
        ends = [
            self._object([_choice({}, index, finish_reason=_finish_reason(choice))])
            for index, choice in enumerate(answer.choices)
        ]
        if self._is_usage_wanted:
            ends.append({**self._object([]), "usage": usage_object(answer.usage or Usage())})
        ends[-1] |= extension
        return b"".join([data(end) for end in ends]) + DONE

    def _piece(self, delta: Delta) -> bytes:
        if delta.is_plain_text:
            return b"%b%b%b" % (self._before_text, encode(delta.text), self._after_text)
        fields: JsonObject = {}
        if delta.text:
            fields["content"] = delta.text
        if delta.reasoning:
            fields["reasoning_content"] = delta.reasoning
        if delta.refusal:
            fields["refusal"] = delta.refusal
        if delta.tool_calls:
            fields["tool_calls"] = [
                self._tool_piece(piece, delta.choice) for piece in delta.tool_calls
            ]
        if not fields and not delta.logprobs:
            return b""
        logprobs = _logprobs(list(delta.logprobs), self._likeliest)
        return self._chunk(fields, delta.choice, logprobs=logprobs)

    def _tool_piece(self, piece: ToolCallPiece, choice: int) -> JsonObject:
        function: JsonObject = {"arguments": piece.arguments}
        if piece.name is not None:
            function["name"] = piece.name
        fields: JsonObject = {"index": piece.index, "function": function}
        place = (choice, piece.index)
        if place not in self._begun:
            self._begun.add(place)
            made = _made_id(self._call_id, choice, piece.index)
            fields |= {"id": piece.id or made, "type": "function"}
        return fields

    def _chunk(
        self, fields: JsonObject, index: int = 0, *, logprobs: JsonObject | None = None
    ) -> bytes:
        return data(self._object([_choice(fields, index, logprobs=logprobs)]))

    def _object(self, choices: list[JsonObject]) -> JsonObject:
        return {**self._head, "choices": choices}


def usage_object(usage: Usage) -> JsonObject:
    """Return usage in the words of Chat Completions."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _message(completion_id: str, choice: int, answer: Answer) -> JsonObject:
    message: JsonObject = {
        "role": "assistant",
        "content": answer.text if answer.text_parts or not answer.tool_calls else None,
        "refusal": answer.refusal or None,
    }
    if answer.reasoning_parts:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [
            _tool_call(call, _made_id(completion_id, choice, index))
            for index, call in enumerate(answer.tool_calls)
        ]
    return message


def _tool_call(call: ToolCall, made_id: str) -> JsonObject:
    return {
        "id": call.id or made_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _made_id(completion_id: str, choice: int, index: int) -> str:
    """Return the id of a call to which the engine gave none, from its place."""
    tail = completion_id.partition("-")[2] or completion_id
    return f"call_{tail}_{choice}_{index}"


def _choice(
    fields: JsonObject,
    index: int,
    *,
    logprobs: JsonObject | None = None,
    finish_reason: str | None = None,
) -> JsonObject:
    return {"index": index, "delta": fields, "logprobs": logprobs, "finish_reason": finish_reason}


def _wanted_likeliest(call: Call) -> int:
    wanted = call.body.get("top_logprobs")
    return wanted if isinstance(wanted, int) else 0


def _logprobs(tokens: list[JsonObject], likeliest: int) -> JsonObject | None:
    """Return the logprobs of these tokens, each with so many of the likeliest in its place."""
    if not tokens:
        return None
    content: list[JsonObject] = []
    for token in tokens:
        told = token.get("top_logprobs")
        shown = told[:likeliest] if isinstance(told, list) else []
        content.append({**token, "top_logprobs": shown})
    return {"content": content, "refusal": None}


def _finish_reason(answer: Answer) -> str:
    return answer.finish_reason or "stop"
