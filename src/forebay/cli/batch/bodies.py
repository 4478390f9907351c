"""The bodies that the endpoints take: one prompt, and what the options say about its answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from forebay.cli.batch.endings import CommandRefused

JsonObject = dict[str, object]


class Endpoint(StrEnum):
    """Where a prompt can be sent to."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    MESSAGES = "/v1/messages"
    COMPLETIONS = "/v1/completions"
    EMBEDDINGS = "/v1/embeddings"


TAKES: dict[Endpoint, tuple[str, ...]] = {
    Endpoint.CHAT: ("--system", "--max-tokens", "--temperature", "--schema"),
    Endpoint.RESPONSES: ("--system", "--max-tokens", "--temperature", "--schema"),
    Endpoint.MESSAGES: ("--system", "--max-tokens", "--temperature"),
    Endpoint.COMPLETIONS: ("--max-tokens", "--temperature"),
    Endpoint.EMBEDDINGS: (),
}
"""The options that have a place in a body of each endpoint, beside the prompt and the model."""


class OptionMisplaced(CommandRefused):
    """An option has no meaning together with the others."""

    code = "option_misplaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A JSON Schema that answers must fit, and its name."""

    name: str
    schema: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What the options say about answers."""

    max_tokens: int | None = None
    temperature: float | None = None
    schema: Schema | None = None


def check_answering(endpoint: Endpoint, answering: Answering, *, has_system: bool) -> None:
    """Raise `OptionMisplaced` for an option that the endpoint cannot take, or cannot do without."""
    given = {
        "--system": has_system,
        "--max-tokens": answering.max_tokens is not None,
        "--temperature": answering.temperature is not None,
        "--schema": answering.schema is not None,
    }
    for option, is_given in given.items():
        if is_given and option not in TAKES[endpoint]:
            raise OptionMisplaced(f"{endpoint} takes no {option}")
    if endpoint is Endpoint.MESSAGES and answering.max_tokens is None:
        raise OptionMisplaced(f"{endpoint} needs --max-tokens")


def body_of(
    endpoint: Endpoint, prompt: str, *, system: str | None, model: str, answering: Answering
) -> JsonObject:
    """Return the body that asks a model for the answer to one prompt."""
    asked: JsonObject = {"role": "user", "content": prompt}
    limit, temperature = answering.max_tokens, answering.temperature
    body: JsonObject
    match endpoint:
        case Endpoint.CHAT:
            told = [] if system is None else [{"role": "system", "content": system}]
            body = {
                "messages": [*told, asked],
                "max_completion_tokens": limit,
                "response_format": _chat_format(answering.schema),
            }
        case Endpoint.RESPONSES:
            body = {
                "instructions": system,
                "input": prompt,
                "max_output_tokens": limit,
                "text": _text_format(answering.schema),
            }
        case Endpoint.MESSAGES:
            body = {"system": system, "messages": [asked], "max_tokens": limit}
        case Endpoint.COMPLETIONS:
            body = {"prompt": prompt, "max_tokens": limit}
        case Endpoint.EMBEDDINGS:
            body = {"input": prompt}
        case _ as never:
            assert_never(never)
    body = {"model": model, **body, "temperature": temperature}
    return {name: value for name, value in body.items() if value is not None}


def _chat_format(schema: Schema | None) -> JsonObject | None:
    if schema is None:
        return None
    named = {"name": schema.name, "strict": True, "schema": schema.schema}
    return {"type": "json_schema", "json_schema": named}


def _text_format(schema: Schema | None) -> JsonObject | None:
    if schema is None:
        return None
    named = {"name": schema.name, "strict": True, "schema": schema.schema}
    return {"format": {"type": "json_schema", **named}}
