"""The events of a streamed message.

Blocks follow each other strictly: one that has ended is never added to. Engines may mix the pieces
of parallel calls, so what follows a call whose arguments are not whole yet waits for them, or for
the end. What the prompt took is known at the end only, so `message_start` counts nothing and
`message_delta` brings the whole usage.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from forebay.core.errors import ForebayError
from forebay.core.money import Usage
from forebay.core.requests import RequestStatus
from forebay.dialects.answer import OutputKind, ToolCall
from forebay.dialects.cipher import Cipher
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.errors import anthropic_error
from forebay.dialects.messages_output import (
    arguments_read,
    empty_message,
    ending,
    text_block,
    tool_use_block,
    usage_object,
)
from forebay.dialects.messages_thinking import Thinking, signature, thinking_shown
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from forebay.dialects.wire import encode, event

_PING = event("ping", {"type": "ping"})


@dataclass(slots=True)
class _Block:
    """A block that has not ended; `written` of its `parts` are. A `call` has its name and id."""

    kind: OutputKind
    call: ToolCall | None = None
    parts: list[str] = field(default_factory=list)
    written: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether the block may end: a call may have more to come than what follows it."""
        if self.call is None:
            return True
        # To read all of it is worth while at a possible end only.
        is_maybe = bool(self.parts) and self.parts[-1].rstrip().endswith("}")
        return is_maybe and arguments_read("".join(self.parts)) is not None


class MessagesWriter:
    """Writes the events of one message, from `message_start` to `message_stop`."""

    def __init__(self, call: Call, cipher: Cipher | None) -> None:
        self._call = call
        self._cipher = cipher
        self._thinking = thinking_shown(call.body)
        self._blocks: deque[_Block] = deque()
        self._calls: list[_Block] = []
        self._has_open = False
        """Whether the first of the blocks has begun; the others wait for its end."""
        self._is_in_text = False
        """Whether the one block is of text, and open: more text goes straight out, as most does."""
        self._count = 0
        self._text_head = b""

    def open(self) -> bytes:
        """Return `message_start`, and the ping that follows it."""
        message = empty_message(self._call)
        return event("message_start", {"type": "message_start", "message": message}) + _PING

    def write(self, deltas: list[Delta]) -> bytes:
        """Return the events for these deltas."""
        out: list[bytes] = []
        for delta in deltas:
            if delta.reasoning and self._thinking is not Thinking.HIDDEN:
                self._add(OutputKind.REASONING, delta.reasoning)
            # A refusal is text here; the stop reason tells the difference.
            text = delta.text + delta.refusal if delta.refusal else delta.text
            if text and self._is_in_text:
                out.append(b"%s%s}}\n\n" % (self._text_head, encode(text)))
            elif text:
                self._add(OutputKind.TEXT, text)
            for piece in delta.tool_calls:
                self._add_piece(piece)
        if not self._is_in_text:
            self._flush(out)
        return b"".join(out)

    def refuse(self, error: ForebayError) -> bytes:
        """Return the error that is all of the stream."""
        reply = anthropic_error(error, request_id=self._call.request_id)
        return event("error", reply.body)

    def close(self, outcome: Outcome) -> bytes:
        """Return what ends the blocks and the message; or the error."""
        if outcome.status is RequestStatus.FAILED:
            assert outcome.error is not None
            reply = anthropic_error(outcome.error, request_id=self._call.request_id)
            return event("error", reply.body)
        out: list[bytes] = []
        while self._blocks:
            self._write_first(out)
            self._end_first(out)
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

    def _add(self, kind: OutputKind, part: str) -> None:
        if not self._blocks or self._blocks[-1].kind is not kind:
            self._append(_Block(kind))
        self._blocks[-1].parts.append(part)

    def _add_piece(self, piece: ToolCallPiece) -> None:
        if piece.index == len(self._calls):
            tool_call = ToolCall(id=piece.id or "", name=piece.name or "", arguments="")
            block = _Block(OutputKind.TOOL_CALL, tool_call)
            self._calls.append(block)
            self._append(block)
        if piece.arguments:
            # Of a call that has ended, its arguments were whole: this goes nowhere.
            self._calls[piece.index].parts.append(piece.arguments)

    def _append(self, block: _Block) -> None:
        self._blocks.append(block)
        self._is_in_text = False

    def _flush(self, out: list[bytes]) -> None:
        """Write all of the first block, and of each that follows a whole one."""
        while self._blocks:
            self._write_first(out)
            if len(self._blocks) == 1:
                self._is_in_text = self._blocks[0].kind is OutputKind.TEXT
                return
            if not self._blocks[0].is_whole:
                return
            self._end_first(out)

    def _write_first(self, out: list[bytes]) -> None:
        block = self._blocks[0]
        if not self._has_open:
            self._begin(out, block)
        for part in block.parts[block.written :]:
            if block.kind is OutputKind.TEXT:
                out.append(b"%s%s}}\n\n" % (self._text_head, encode(part)))
            elif block.kind is OutputKind.TOOL_CALL:
                self._delta(out, {"type": "input_json_delta", "partial_json": part})
            elif self._thinking is Thinking.SHOWN:
                self._delta(out, {"type": "thinking_delta", "thinking": part})
        if block.kind is OutputKind.TEXT:
            block.parts.clear()  # nothing of it is asked for again
        block.written = len(block.parts)

    def _begin(self, out: list[bytes], block: _Block) -> None:
        content: JsonObject
        if block.call is not None:
            content = tool_use_block(self._call, self._count, block.call, {})
        elif block.kind is OutputKind.TEXT:
            content = text_block("")
            self._text_head = (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
                b'"delta":{"type":"text_delta","text":' % self._count
            )
        else:
            content = {"type": "thinking", "thinking": "", "signature": ""}
        fields = {"type": "content_block_start", "index": self._count, "content_block": content}
        out.append(event("content_block_start", fields))
        self._has_open = True

    def _end_first(self, out: list[bytes]) -> None:
        block = self._blocks.popleft()
        if block.kind is OutputKind.REASONING:
            sealed = signature("".join(block.parts), self._cipher)
            self._delta(out, {"type": "signature_delta", "signature": sealed})
        fields = {"type": "content_block_stop", "index": self._count}
        out.append(event("content_block_stop", fields))
        self._has_open = False
        self._count += 1

    def _delta(self, out: list[bytes], delta: JsonObject) -> None:
        fields = {"type": "content_block_delta", "index": self._count, "delta": delta}
        out.append(event("content_block_delta", fields))
