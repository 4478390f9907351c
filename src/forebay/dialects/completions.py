"""OpenAI's Completions, the API without messages: body to turn, deltas to `text_completion`.

Source of the wire facts: OpenAI's API reference and OpenAPI document.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from forebay.core.errors import ForebayError, InvalidParameter
from forebay.dialects.completions_output import CompletionsWriter, completion_object
from forebay.dialects.completions_prompt import engine_must_echo, read_prompts
from forebay.dialects.dialect import Call, DialectName, ErrorReply, Outcome, Wishes, Writer
from forebay.dialects.errors import openai_error
from forebay.dialects.metadata import read_metadata
from forebay.dialects.parameters import Parameters, Refusal
from forebay.dialects.turn import JsonObject, TextTurn
from forebay.dialects.wire import read

MAX_CHOICES = 2048
DEFAULT_MAX_TOKENS = 16

# What every engine knows under the same name.
SAMPLING = frozenset(
    {
        "temperature",
        "top_p",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "suffix",
    }
)

PARAMETERS = Parameters(
    honoured=(SAMPLING - {"suffix"}) | {"model", "prompt", "max_tokens", "n", "stream", "logprobs"},
    partly={
        "echo": "puts a text before its completion; prompts of tokens, and logprobs, take an "
        "engine that echoes (vLLM and SGLang do, llama.cpp does not) and are refused without one",
        "suffix": "is passed on where the model's `takes_suffix` is set, and refused elsewhere",
        "stream_options": "`include_usage` is; `include_obfuscation` has no effect: no chunk is "
        "padded",
        # Not of this API as OpenAI has it: they are here for what they mean in the others.
        "metadata": "names the completion window; nothing else is kept",
        "service_tier": "names the completion window",
    },
    refused={
        "best_of": Refusal(
            reason="as many completions are made as are returned ('n')", neutral=(1,)
        ),
    },
    without_effect=frozenset({"user"}),
)


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class CompletionsBody(msgspec.Struct):
    """A call of Completions."""

    model: str
    prompt: str | list[object] | None = None
    suffix: str | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    echo: bool | None = None
    stop: str | list[str] | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    service_tier: str | None = None


class CompletionsDialect:
    """Completions."""

    name = DialectName.COMPLETIONS

    def within(self, project_id: str) -> CompletionsDialect:
        """Return the dialect for one project's calls: nothing is sealed in them."""
        return self

    def id_prefix(self) -> str:
        """Return the prefix of completion ids."""
        return "cmpl-"

    def parse(self, body: JsonObject) -> tuple[TextTurn, Wishes]:
        """Return what the body asks for; raises `RequestRejected` with the field's name."""
        # The best one of n out of n is all of them.
        is_choosy = body.get("best_of") != body.get("n")
        PARAMETERS.check(body if is_choosy else {**body, "best_of": None})
        shape = read(body, CompletionsBody)
        prompts = read_prompts(body)
        choices = shape.n or 1
        _check_values(shape, len(prompts) * choices)
        max_tokens = DEFAULT_MAX_TOKENS if shape.max_tokens is None else shape.max_tokens
        turn = TextTurn(
            model=shape.model,
            prompts=prompts,
            sampling=_sampling(shape, body),
            max_output_tokens=max_tokens,
            choices=choices,
            extra=PARAMETERS.unknown(body),
        )
        return turn, _wishes(shape, body)

    def wishes(self, body: JsonObject) -> Wishes:
        """Return the wishes alone of a body that was parsed before."""
        return _wishes(read(body, CompletionsBody), body)

    def final(self, call: Call, outcome: Outcome) -> JsonObject:
        """Return the `text_completion` object."""
        return completion_object(call, outcome)

    def writer(self, call: Call) -> Writer:
        """Return a writer of `text_completion` chunks."""
        return CompletionsWriter(call)

    def error(self, error: ForebayError, *, request_id: str) -> ErrorReply:
        """Return the error in OpenAI's words."""
        return openai_error(error)


def _wishes(shape: CompletionsBody, body: JsonObject) -> Wishes:
    return Wishes(
        is_streamed=bool(shape.stream),
        service_tier=shape.service_tier,
        metadata=read_metadata(body),
    )


def _check_values(shape: CompletionsBody, choice_count: int) -> None:
    if shape.stream_options is not None and not shape.stream:
        raise InvalidParameter(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if shape.max_tokens == 0 and not shape.echo:
        raise InvalidParameter(
            "Invalid 'max_tokens': 0 is only allowed when 'echo' is enabled.", param="max_tokens"
        )
    if choice_count > MAX_CHOICES:
        raise InvalidParameter(
            f"Invalid 'prompt': too many completions. Expected at most {MAX_CHOICES} over all "
            f"prompts, got {choice_count}.",
            param="prompt",
        )


def _sampling(shape: CompletionsBody, body: JsonObject) -> JsonObject:
    sampling = {
        name: value for name, value in body.items() if name in SAMPLING and value is not None
    }
    if shape.suffix == "":
        del sampling["suffix"]
    if shape.logprobs is not None:
        sampling["logprobs"] = shape.logprobs
    if engine_must_echo(body):
        # By the logprobs it is seen whether the engine did; they are shown only when asked for.
        sampling["echo"] = True
        sampling.setdefault("logprobs", 0)
    return sampling
