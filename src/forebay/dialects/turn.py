"""The canonical turns, and the canonical deltas that an engine answers with.

Every API's body becomes one of the turns; every engine's stream becomes `Delta`s. Messages, tools
and output formats keep the shapes of Chat Completions, the one language that all engines speak;
sampling fields and those that only the engine understands pass through untouched.
"""

from __future__ import annotations

import msgspec

from forebay.core.money import Usage

JsonObject = dict[str, object]
"""A JSON object that is passed through, or has been validated by shape."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One chat inference, in no vendor's words.

    `sampling` holds the parameters of Chat Completions that every engine knows (`temperature`,
    `stop`, `seed`, ...); `extra` those that we do not know and the engine may. `max_output_tokens`
    of None leaves the cap to the engine. `choices` answers are wanted; engines are asked for one at
    a time (see `parts`). A turn that `is_truncatable` may lose its oldest messages to fit.
    """

    model: str
    messages: list[JsonObject]
    tools: list[JsonObject] = []
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    sampling: JsonObject = {}
    max_output_tokens: int | None = None
    choices: int = 1
    is_truncatable: bool = False
    extra: JsonObject = {}

    @property
    def has_images(self) -> bool:
        """Whether any message shows the model an image."""
        return any(
            isinstance(part, dict) and part.get("type") == "image_url"
            for message in self.messages
            if isinstance(parts := message.get("content"), list)
            for part in parts
        )


class TextTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A completion of plain text or tokens: the older API, without messages.

    Each of the `prompts` gets `choices` completions. `sampling` and `extra` are as in `Turn`.
    """

    model: str
    prompts: list[str] | list[list[int]]
    sampling: JsonObject = {}
    max_output_tokens: int | None = None
    choices: int = 1
    extra: JsonObject = {}


class EmbeddingTurn(msgspec.Struct, frozen=True, kw_only=True):
    """The embedding of some inputs, each a text or its tokens, all in one call of an engine."""

    model: str
    inputs: list[str] | list[list[int]]
    dimensions: int | None = None
    extra: JsonObject = {}


AnyTurn = Turn | TextTurn | EmbeddingTurn
"""Whatever an engine can be asked for."""


def parts(turn: AnyTurn) -> list[AnyTurn]:
    """Return the turns of one choice each that `turn` is made of, in the order of the choices.

    Engines miscount the usage of several choices. Equal seeds would give equal answers, so each
    further choice counts the seed up by one.
    """
    match turn:
        case EmbeddingTurn():
            return [turn]
        case Turn():
            if turn.choices == 1:
                return [turn]
            return [
                msgspec.structs.replace(turn, choices=1, sampling=_sampling(turn, number))
                for number in range(turn.choices)
            ]
        case TextTurn():
            if turn.choices == len(turn.prompts) == 1:
                return [turn]
            return [
                msgspec.structs.replace(
                    turn, prompts=[prompt], choices=1, sampling=_sampling(turn, number)
                )
                for prompt in turn.prompts
                for number in range(turn.choices)
            ]


def _sampling(turn: Turn | TextTurn, number: int) -> JsonObject:
    seed = turn.sampling.get("seed")
    return {**turn.sampling, "seed": seed + number} if isinstance(seed, int) else turn.sampling


class ToolCallPiece(msgspec.Struct, frozen=True):
    """A piece of the tool call at `index`: id and name come first, then arguments."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one upstream event added to the choice of that number.

    `finish_reason` is Chat Completions' word; `stop_sequence` is the caller's stop string that
    ended the answer, from engines that tell. `text_logprobs` are those of the older completions
    API, and `embeddings` the answer to an `EmbeddingTurn`, one vector for each input.
    """

    choice: int = 0
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallPiece, ...] = ()
    logprobs: tuple[JsonObject, ...] = ()
    text_logprobs: JsonObject | None = None
    embeddings: tuple[list[float], ...] = ()
    finish_reason: str | None = None
    stop_sequence: str | None = None
    usage: Usage | None = None

    @property
    def is_plain_text(self) -> bool:
        """Whether this adds text to the first choice, and no other output."""
        return bool(self.text) and not (
            self.choice or self.reasoning or self.refusal or self.tool_calls or self.logprobs
        )
