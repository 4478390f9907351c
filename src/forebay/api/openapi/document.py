"""The OpenAPI document: what every operation says of itself, put together."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from forebay import __version__
from forebay.api.openapi.errors import error_answers
from forebay.api.openapi.operation import (
    EVENTS,
    JSON,
    Answer,
    FormBody,
    Group,
    Key,
    Operation,
    Parameter,
)
from forebay.api.openapi.schemas import Schemas
from forebay.dialects.turn import JsonObject

OPENAPI = "3.1.0"
WEBSOCKET = "x-forebay-websocket"

ABOUT = """\
Forebay speaks the APIs of OpenAI and of Anthropic in front of your own engines. Official clients
work unchanged: OpenAI's with the base URL `/v1`, Anthropic's with `/`.

Of every official parameter the schema says, under `x-forebay-class`, whether it is *honoured*,
honoured *in part*, *refused* with a 400 that names it (ignoring it would change the result), or
taken *without effect* (hints and telemetry). Errors are said in the words of the API that was
called; elsewhere in Anthropic's for callers that send `anthropic-version`, and in OpenAI's for all
others.

What is Forebay's own goes in by `metadata` and comes out under `forebay`. `completion_window` names
how long a turn may take; `completion_webhook` is called once when a background response has ended,
with `webhook_token` as its bearer. `HEAD` is answered wherever `GET` is.
"""

SECURITY: list[JsonObject] = [{"bearer": []}, {"x-api-key": []}]

SECURITY_SCHEMES: JsonObject = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "As OpenAI's clients send it."},
    "x-api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "As Anthropic's clients send it.",
    },
}

HEADERS: JsonObject = {
    "RequestId": {
        "description": "The id of this exchange, for the log.",
        "required": True,
        "schema": {"type": "string"},
    }
}
IDS: JsonObject = {
    name: {"$ref": "#/components/headers/RequestId"} for name in ("x-request-id", "request-id")
}


def openapi_document(operations: Sequence[Operation], schemas: Schemas) -> JsonObject:
    """Return the OpenAPI document of these operations."""
    paths: dict[str, JsonObject] = {}
    for operation in operations:
        methods = paths.setdefault(operation.path, {})
        # A path has one GET, and that of the WebSocket is another than the plain one.
        word = WEBSOCKET if operation.is_websocket else operation.method.lower()
        methods[word] = described(operation, schemas)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Forebay",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": SECURITY,
        "tags": [{"name": group.value} for group in Group if _is_used(group, operations)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "securitySchemes": SECURITY_SCHEMES,
            "headers": HEADERS,
        },
    }


def described(operation: Operation, schemas: Schemas) -> JsonObject:
    """Return the description of one operation; what it refers to goes into `schemas`."""
    answers = (operation.answer, *operation.more_answers)
    fields: JsonObject = {
        "operationId": operation.id,
        "tags": [operation.group.value],
        "summary": operation.summary,
        "responses": {str(answer.status): _answer(answer, schemas) for answer in answers}
        | _with_ids(error_answers(operation, schemas)),
    }
    if operation.what:
        fields["description"] = operation.what
    if parameters := _parameters(operation, schemas):
        fields["parameters"] = parameters
    if operation.body is not None:
        fields["requestBody"] = _body(operation, schemas)
    if operation.key is Key.NONE:
        fields["security"] = []
    if operation.is_websocket:
        fields[WEBSOCKET] = True
    return fields


def _parameters(operation: Operation, schemas: Schemas) -> list[JsonObject]:
    in_path: list[JsonObject] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
        for name in operation.path_parameters
    ]
    return in_path + [_parameter(parameter, schemas) for parameter in operation.parameters]


def _parameter(parameter: Parameter, schemas: Schemas) -> JsonObject:
    schema = schemas.of(parameter.kind)
    fields: JsonObject = {
        "name": parameter.name,
        "in": "header" if parameter.is_header else "query",
        "description": parameter.what,
        "schema": schema,
    }
    if schema.get("type") == "object":
        fields |= {"style": "deepObject", "explode": True}  # name[key]=value
    return fields


def _body(operation: Operation, schemas: Schemas) -> JsonObject:
    body = operation.body
    assert body is not None
    content: JsonObject = {"schema": schemas.of_body(body)}
    if operation.example is not None:
        content["example"] = operation.example
    if isinstance(body, FormBody):
        return {"required": True, "content": {"multipart/form-data": content}}
    return {"required": True, "content": {JSON: content}}


def _answer(answer: Answer, schemas: Schemas) -> JsonObject:
    fields: JsonObject = {"description": answer.what}
    if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return fields
    fields["headers"] = IDS
    shape = {"schema": schemas.of(answer.shape)} if answer.shape is not None else {}
    content: JsonObject = {answer.media_type: shape}
    if answer.event is not None:
        event = _event(schemas.of(answer.event), has_end=answer.has_end)
        content[EVENTS] = {"schema": event}
    fields["content"] = content
    return fields


def _event(data: JsonObject, *, has_end: bool) -> JsonObject:
    """Return the schema of one event, as OpenAPI 3.2 has it; 3.1 has no word for a stream."""
    said: JsonObject = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    if has_end:
        said = {"anyOf": [said, {"const": "[DONE]"}]}
    fields = {"event": {"type": "string"}, "data": said}
    return {"type": "object", "properties": fields, "required": ["data"]}


def _with_ids(answers: dict[str, JsonObject]) -> dict[str, JsonObject]:
    return {status: {**answer, "headers": IDS} for status, answer in answers.items()}


def _is_used(group: Group, operations: Sequence[Operation]) -> bool:
    return any(operation.group is group for operation in operations)
