"""The events of a streamed message.

Blocks follow each other, one open at a time. What the prompt took is known at the end only, so
`message_start` counts nothing and `message_delta` brings the whole usage.
"""

from __future__ import annotations

from forebay.core.money import Usage
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.errors import anthropic_error
from forebay.dialects.messages_output import (
    SIGNATURE,
    Thinking,
    empty_message,
    ending,
    text_block,
    thinking_block,
    thinking_wanted,
    tool_use_block,
    usage_object,
)
from forebay.dialects.turn import Delta, JsonObject, OutputKind, ToolCall, ToolCallPiece
from forebay.dialects.wire import encode, event


class MessagesWriter:
    """Writes the events of one message, from `message_start` to `message_stop`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._thinking = thinking_wanted(call.body)
        self._open: OutputKind | None = None
        self._count = 0
        self._text_head = b""
        self._tool_indexes: list[int] = []

    def open(self) -> bytes:
        """Return `message_start`."""
        message = empty_message(self._call)
        return event("message_start", {"type": "message_start", "message": message})

    def write(self, deltas: list[Delta]) -> bytes:
        """Return the events for these deltas."""
        out: list[bytes] = []
        for delta in deltas:
            if delta.reasoning and self._thinking is not Thinking.HIDDEN:
                self._write_thinking(out, delta.reasoning)
            # A refusal is text here; the stop reason tells the difference.
            text = delta.text + delta.refusal if delta.refusal else delta.text
            if text:
                if self._open is not OutputKind.TEXT:
                    self._begin_text(out)
                out.append(b"%s%s}}\n\n" % (self._text_head, encode(text)))
            for piece in delta.tool_calls:
                self._write_piece(out, piece)
        return b"".join(out)

    def close(self, outcome: Outcome) -> bytes:
        """Return what ends the open block and the message; or the error."""
        if outcome.status is RequestStatus.FAILED:
            assert outcome.error is not None
            reply = anthropic_error(outcome.error, request_id=self._call.request_id)
            return event("error", reply.body)
        out: list[bytes] = []
        self._end_block(out)
        answer = outcome.answer
        fields: JsonObject = {
            "type": "message_delta",
            "delta": ending(self._call, answer),
            "usage": usage_object(self._call, answer.usage or Usage()),
        }
        if outcome.extension:
            fields["forebay"] = outcome.extension
        out.append(event("message_delta", fields))
        out.append(event("message_stop", {"type": "message_stop"}))
        return b"".join(out)

    def _write_thinking(self, out: list[bytes], thinking: str) -> None:
        if self._open is not OutputKind.REASONING:
            self._begin_block(out, OutputKind.REASONING, thinking_block("", ""))
        if self._thinking is Thinking.SHOWN:
            self._delta(out, {"type": "thinking_delta", "thinking": thinking}, self._count - 1)

    def _begin_text(self, out: list[bytes]) -> None:
        self._begin_block(out, OutputKind.TEXT, text_block(""))
        self._text_head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"text_delta","text":' % (self._count - 1)
        )

    def _write_piece(self, out: list[bytes], piece: ToolCallPiece) -> None:
        if piece.index == len(self._tool_indexes):
            self._tool_indexes.append(self._count)
            tool_call = ToolCall(id=piece.id or "", name=piece.name or "", arguments="")
            block = tool_use_block(self._call, self._count, tool_call, {})
            self._begin_block(out, OutputKind.TOOL_CALL, block)
        if piece.arguments:
            # An engine that mixes parallel calls adds to a block that has ended; clients add by
            # the index, so they get it right.
            fields: JsonObject = {"type": "input_json_delta", "partial_json": piece.arguments}
            self._delta(out, fields, self._tool_indexes[piece.index])

    def _begin_block(self, out: list[bytes], kind: OutputKind, block: JsonObject) -> None:
        self._end_block(out)
        fields = {"type": "content_block_start", "index": self._count, "content_block": block}
        out.append(event("content_block_start", fields))
        self._open = kind
        self._count += 1

    def _end_block(self, out: list[bytes]) -> None:
        if self._open is None:
            return
        index = self._count - 1
        if self._open is OutputKind.REASONING:
            self._delta(out, {"type": "signature_delta", "signature": SIGNATURE}, index)
        out.append(event("content_block_stop", {"type": "content_block_stop", "index": index}))
        self._open = None

    def _delta(self, out: list[bytes], delta: JsonObject, index: int) -> None:
        fields = {"type": "content_block_delta", "index": index, "delta": delta}
        out.append(event("content_block_delta", fields))
