"""The errors of an operation: their shapes in both vendors' words, and which statuses they have."""

from __future__ import annotations

import inspect
from typing import Literal

import msgspec

from forebay.api.openapi import parameters
from forebay.api.openapi.operation import JSON, JsonBody, Key, Operation, Words
from forebay.api.openapi.schemas import PLACE, Schemas
from forebay.core import engine_errors, errors
from forebay.core.errors import ForebayError
from forebay.dialects.errors import anthropic_status, openai_status
from forebay.dialects.turn import JsonObject

RUNNING = (
    errors.UnknownModel,
    errors.ContextTooLong,
    errors.PromptRejected,
    errors.WindowNotOffered,
    errors.Overloaded,
    errors.TurnTimedOut,
    engine_errors.EngineBusy,
    engine_errors.EngineUnavailable,
    engine_errors.EngineFailed,
)
READING = (
    errors.InvalidParameter,
    errors.InvalidType,
    errors.MissingParameter,
    errors.UnsupportedParameter,
    errors.BodyTooLarge,
    errors.BodyTimedOut,
)


class OpenAIErrorDetail(msgspec.Struct):
    """What went wrong, in OpenAI's words."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    param: str | None
    code: str | None


class OpenAIError(msgspec.Struct):
    """An error as OpenAI's APIs say it."""

    error: OpenAIErrorDetail


class AnthropicErrorDetail(msgspec.Struct):
    """What went wrong, in Anthropic's words."""

    type: Literal[
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "conflict_error",
        "request_too_large",
        "rate_limit_error",
        "timeout_error",
        "api_error",
        "overloaded_error",
    ]
    message: str


class AnthropicError(msgspec.Struct):
    """An error as Anthropic's API says it."""

    type: Literal["error"]
    error: AnthropicErrorDetail
    request_id: str


def raised_by(operation: Operation) -> list[type[ForebayError]]:
    """Return every kind of error that the operation may answer with."""
    kinds: list[type[ForebayError]] = [*operation.raises]
    if operation.key is not Key.NONE:
        kinds.append(errors.NotAuthenticated)
    if operation.key is Key.ADMIN:
        kinds.append(errors.NotPermitted)
    if operation.body is not None:
        kinds += READING
    if isinstance(operation.body, JsonBody):
        kinds.append(errors.InvalidJson)
    if operation.parameters:
        kinds.append(errors.InvalidParameter)
    if parameters.IDEMPOTENCY_KEY in operation.parameters:
        kinds += [errors.IdempotencyKeySpent, errors.StillRunning]
    if operation.path_parameters:
        kinds.append(errors.NotFound)
    if operation.runs:
        kinds += RUNNING
    if operation.key is not Key.NONE:
        kinds.append(ForebayError)
    return list(dict.fromkeys(kinds))


def error_answers(operation: Operation, schemas: Schemas) -> dict[str, JsonObject]:
    """Return the description of each error status of the operation, in the order of statuses."""
    by_status: dict[int, list[str]] = {}
    for kind in raised_by(operation):
        said = f"`{kind.code}`: {meaning(kind)}"
        for status in statuses_of(kind, operation.words):
            by_status.setdefault(status, []).append(said)
    schema = _schema(operation.words, schemas)
    return {
        str(status): {
            "description": "\n".join([f"- {text}" for text in sorted(set(said))]),
            "content": {JSON: {"schema": schema}},
        }
        for status, said in sorted(by_status.items())
    }


def meaning(kind: type[ForebayError]) -> str:
    """Return the first sentence of what is said of the error in the code."""
    if kind is ForebayError:
        return "A fault of the server itself."  # there it means all of its family
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def statuses_of(kind: type[ForebayError], words: Words) -> set[int]:
    match words:
        case Words.OPENAI:
            return {openai_status(kind)}
        case Words.ANTHROPIC:
            return {anthropic_status(kind)}
        case Words.CALLERS:
            return {openai_status(kind), anthropic_status(kind)}


def _schema(words: Words, schemas: Schemas) -> JsonObject:
    """Return the shape of errors in these words."""
    for shape in (OpenAIError, AnthropicError):
        schemas.of(shape)
    names = {
        Words.OPENAI: ["OpenAIError"],
        Words.ANTHROPIC: ["AnthropicError"],
        Words.CALLERS: ["OpenAIError", "AnthropicError"],
    }[words]
    references: list[JsonObject] = [{"$ref": PLACE + name} for name in names]
    return references[0] if len(references) == 1 else {"oneOf": references}
