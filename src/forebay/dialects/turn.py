"""The canonical turn, and the canonical deltas that an engine answers with.

Every API's body becomes a `Turn`; every engine's stream becomes `Delta`s. Messages, tools and output
formats keep the shapes of Chat Completions, the one language that all engines speak; sampling fields
and those that only the engine understands pass through untouched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from forebay.core.money import Usage

JsonObject = dict[str, object]
"""A JSON object that is passed through, or has been validated by shape."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One inference, in no vendor's words.

    `sampling` holds the parameters of Chat Completions that every engine knows (`temperature`,
    `stop`, `seed`, ...); `extra` those that we do not know and the engine may. `max_output_tokens`
    of None leaves the cap to the engine.
    """

    model: str
    messages: list[JsonObject]
    tools: list[JsonObject] = []
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    sampling: JsonObject = {}
    max_output_tokens: int | None = None
    extra: JsonObject = {}


class ToolCallPiece(msgspec.Struct, frozen=True):
    """A piece of the tool call at `index`: id and name come first, then arguments."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one upstream event added. `finish_reason` is Chat Completions' word."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallPiece, ...] = ()
    logprobs: tuple[JsonObject, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(slots=True)
class ToolCall:
    """A whole tool call; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Answer:
    """Everything an engine has answered so far: the fold of its deltas.

    `delta_count` counts deltas that carried output: an estimate of the output tokens for a turn that
    was cut off before the engine reported its usage.
    """

    text_parts: list[str] = field(default_factory=list)
    reasoning_parts: list[str] = field(default_factory=list)
    refusal_parts: list[str] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[JsonObject] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    delta_count: int = 0

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
        """Fold one more delta in."""
        if delta.text:
            self.text_parts.append(delta.text)
            self.delta_count += 1
        elif delta.reasoning or delta.refusal or delta.tool_calls:
            self._add_others(delta)
        if delta.logprobs:
            self.logprobs.extend(delta.logprobs)
        if delta.finish_reason is not None:
            self.finish_reason = delta.finish_reason
        if delta.usage is not None:
            self.usage = delta.usage

    def _add_others(self, delta: Delta) -> None:
        self.delta_count += 1
        if delta.reasoning:
            self.reasoning_parts.append(delta.reasoning)
        if delta.refusal:
            self.refusal_parts.append(delta.refusal)
        for piece in delta.tool_calls:
            while len(self.tool_calls) <= piece.index:
                self.tool_calls.append(ToolCall(id="", name="", arguments=""))
            call = self.tool_calls[piece.index]
            call.id = piece.id or call.id
            call.name = piece.name or call.name
            call.arguments += piece.arguments
