"""What an engine has answered so far: the fold of its deltas, choice by choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from forebay.core.money import Usage
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece


@dataclass(slots=True)
class ToolCall:
    """A whole tool call; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class OutputKind(StrEnum):
    """The kinds of output that an answer is made of."""

    REASONING = "reasoning"
    TEXT = "text"
    REFUSAL = "refusal"
    TOOL_CALL = "tool_call"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a stretch of one kind begins: its first part (or tool call), its first logprob."""

    kind: OutputKind
    part: int
    logprob: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of output of one kind; `call` is set for a tool call, `text` for the others."""

    kind: OutputKind
    text: str = ""
    call: ToolCall | None = None
    logprobs: list[JsonObject] = field(default_factory=list)


@dataclass(slots=True)
class Answer:
    """Everything an engine has answered so far: the fold of its deltas.

    This is the first choice; `others` are the further ones. `delta_count` counts deltas that
    carried output: an estimate of the output tokens for a turn that was cut off before the engine
    reported its usage. `marks` keep the order in which the kinds came.
    """

    text_parts: list[str] = field(default_factory=list)
    reasoning_parts: list[str] = field(default_factory=list)
    refusal_parts: list[str] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[JsonObject] = field(default_factory=list)
    text_logprobs: list[JsonObject] = field(default_factory=list)
    embeddings: list[list[float]] = field(default_factory=list)
    finish_reason: str | None = None
    stop_sequence: str | None = None
    usage: Usage | None = None
    delta_count: int = 0
    marks: list[Mark] = field(default_factory=list)
    others: list[Answer] = field(default_factory=list)

    @property
    def choices(self) -> list[Answer]:
        """Every choice, this one first."""
        return [self, *self.others]

    @property
    def has_output(self) -> bool:
        """Whether any choice has any output."""
        return any(choice.delta_count for choice in self.choices)

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self.text_parts)

    @property
    def reasoning(self) -> str:
        """The reasoning text so far."""
        return "".join(self.reasoning_parts)

    @property
    def refusal(self) -> str:
        """The refusal text so far."""
        return "".join(self.refusal_parts)

    def add(self, delta: Delta) -> None:
        """Fold one more delta into its choice."""
        if delta.choice:
            while len(self.others) < delta.choice:
                self.others.append(Answer())
            self.others[delta.choice - 1]._fold(delta)
        else:
            self._fold(delta)

    def _fold(self, delta: Delta) -> None:
        text = delta.text
        if text or delta.reasoning or delta.refusal or delta.tool_calls:
            self.delta_count += 1
        if delta.reasoning:
            self._append(OutputKind.REASONING, self.reasoning_parts, delta.reasoning)
        if text:
            self._append(OutputKind.TEXT, self.text_parts, text)
        if delta.refusal:
            self._append(OutputKind.REFUSAL, self.refusal_parts, delta.refusal)
        if delta.logprobs:
            self.logprobs.extend(delta.logprobs)
        for piece in delta.tool_calls:
            self._add_piece(piece)
        if delta.text_logprobs is not None:
            self.text_logprobs.append(delta.text_logprobs)
        if delta.embeddings:
            self.embeddings.extend(delta.embeddings)
        if self.finish_reason is None:
            # The first one is why it ended; some engines end every stream with another `stop`.
            self.finish_reason = delta.finish_reason
        if delta.stop_sequence is not None:
            self.stop_sequence = delta.stop_sequence
        if delta.usage is not None:
            self.usage = delta.usage

    def segments(self) -> list[Segment]:
        """Return the output in the order in which it came; each tool call is a segment.

        An answer that was not folded from deltas is taken in the order reasoning, text, refusal,
        tool calls.
        """
        marks = self.marks or self._usual_marks()
        parts = {
            OutputKind.REASONING: self.reasoning_parts,
            OutputKind.TEXT: self.text_parts,
            OutputKind.REFUSAL: self.refusal_parts,
        }
        # Read backwards, each stretch ends where the next one of its kind begins.
        ends: dict[OutputKind, int] = {}
        logprob_end = len(self.logprobs)
        segments = []
        for mark in reversed(marks):
            logprobs = self.logprobs[mark.logprob : logprob_end]
            logprob_end = mark.logprob
            if mark.kind is OutputKind.TOOL_CALL:
                segments.append(Segment(mark.kind, call=self.tool_calls[mark.part]))
                continue
            text = "".join(parts[mark.kind][mark.part : ends.get(mark.kind)])
            ends[mark.kind] = mark.part
            segments.append(Segment(mark.kind, text=text, logprobs=logprobs))
        return segments[::-1]

    def _append(self, kind: OutputKind, parts: list[str], part: str) -> None:
        if not self.marks or self.marks[-1].kind is not kind:
            self.marks.append(Mark(kind, len(parts), len(self.logprobs)))
        parts.append(part)

    def _add_piece(self, piece: ToolCallPiece) -> None:
        while len(self.tool_calls) <= piece.index:
            self.marks.append(Mark(OutputKind.TOOL_CALL, len(self.tool_calls), len(self.logprobs)))
            self.tool_calls.append(ToolCall(id="", name="", arguments=""))
        call = self.tool_calls[piece.index]
        call.id = piece.id or call.id
        call.name = piece.name or call.name
        call.arguments += piece.arguments

    def _usual_marks(self) -> list[Mark]:
        marks = []
        if self.reasoning_parts:
            marks.append(Mark(OutputKind.REASONING, 0, 0))
        if self.text_parts:
            marks.append(Mark(OutputKind.TEXT, 0, 0))
        if self.refusal_parts:
            marks.append(Mark(OutputKind.REFUSAL, 0, len(self.logprobs)))
        for index in range(len(self.tool_calls)):
            marks.append(Mark(OutputKind.TOOL_CALL, index, len(self.logprobs)))
        return marks
