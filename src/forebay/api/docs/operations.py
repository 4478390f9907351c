"""Operations for people: what to send, what comes back, what may go wrong, and a call to paste."""

from __future__ import annotations

import json
from http import HTTPStatus

from forebay.api.docs.markup import Markup, code, joined, paragraphs, prose, table, tag, text
from forebay.api.docs.schemas import fields_view, notes, type_words
from forebay.api.openapi.errors import raised_by, statuses_of
from forebay.api.openapi.operation import (
    Answer,
    FormBody,
    JsonBody,
    Key,
    Operation,
    Words,
)
from forebay.api.openapi.schemas import PLACE, Schemas

ORIGIN = "http://127.0.0.1:8088"
KEY = "$FOREBAY_KEY"

KEYS = {Key.NONE: "No key is asked for.", Key.ANY: "", Key.ADMIN: "An admin key is asked for."}


def operation_view(operation: Operation, schemas: Schemas) -> Markup:
    """Return an operation; the shapes that it names go into `schemas`."""
    method = "WS" if operation.is_websocket else operation.method
    summary = tag(
        "summary",
        tag("span", text(method), of_class=f"method {method.lower()}"),
        code(operation.path),
        tag("span", text(operation.summary), of_class="says"),
    )
    parts = [
        paragraphs(operation.what),
        paragraphs(KEYS[operation.key]),
        _part("Parameters", _parameters(operation, schemas)),
        _part("Body", _body(operation, schemas)),
        _part("Answers", _answers(operation, schemas)),
        _part("Errors", _errors(operation)),
        Markup("") if operation.is_websocket else _part("Try it", _curl_view(operation)),
    ]
    return tag("details", summary, *parts, id=operation.id, of_class="operation")


def curl(operation: Operation) -> str:
    """Return a call of the operation for a shell, with the key in `$FOREBAY_KEY`."""
    path = operation.path.replace("{", "").replace("}", "")
    for name in operation.path_parameters:
        path = path.replace(f"/{name}", f"/{name.upper()}")
    lines = [f"curl {ORIGIN}{path}"]
    if operation.method not in ("GET", "POST") or (
        operation.method == "POST" and operation.body is None
    ):
        lines[0] = f"curl -X {operation.method} {ORIGIN}{path}"
    if operation.key is not Key.NONE and operation.words is Words.ANTHROPIC:
        lines += [f'-H "x-api-key: {KEY}"', '-H "anthropic-version: 2023-06-01"']
    elif operation.key is not Key.NONE:
        lines.append(f'-H "Authorization: Bearer {KEY}"')
    if isinstance(operation.body, FormBody):
        lines += ["-F purpose=batch", "-F file=@requests.jsonl"]
    elif operation.body is not None:
        lines += [
            '-H "Content-Type: application/json"',
            f"-d '{json.dumps(operation.example)}'",
        ]
    return " \\\n  ".join(lines)


def _part(title: str, shown: Markup) -> Markup:
    return joined(tag("h4", text(title)), shown) if shown else shown


def _parameters(operation: Operation, schemas: Schemas) -> Markup:
    rows: list[tuple[Markup, ...]] = [
        (joined(code(name), text(" required")), text("path"), text("string"), Markup(""))
        for name in operation.path_parameters
    ]
    for parameter in operation.parameters:
        schema = schemas.of(parameter.kind)
        place = "header" if parameter.is_header else "query"
        said = joined(prose(parameter.what), text(" "), notes(schema))
        rows.append((code(parameter.name), text(place), type_words(schema), said))
    return table(("name", "in", "type", "notes"), rows)


def _body(operation: Operation, schemas: Schemas) -> Markup:
    body = operation.body
    if body is None:
        return Markup("")
    reference = str(schemas.of_body(body).get("$ref", ""))
    component = schemas.components[reference.removeprefix(PLACE)]
    kind = "A JSON object." if isinstance(body, JsonBody) else "A form, `multipart/form-data`."
    return joined(tag("p", prose(kind)), fields_view(component))


def _answers(operation: Operation, schemas: Schemas) -> Markup:
    answers = (operation.answer, *operation.more_answers)
    return table(("status", "shape", "what"), [_answer(answer, schemas) for answer in answers])


def _answer(answer: Answer, schemas: Schemas) -> tuple[Markup, ...]:
    status = text(f"{answer.status} {HTTPStatus(answer.status).phrase}")
    shape = text(answer.media_type)
    if answer.shape is not None:
        shape = type_words(schemas.of(answer.shape))
    if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
        shape = Markup("")
    if answer.event is not None:
        events = tag("p", text("each event: "), type_words(schemas.of(answer.event)))
        shape = joined(shape, events)
    return status, shape, prose(answer.what)


def _errors(operation: Operation) -> Markup:
    by_status: dict[int, list[str]] = {}
    for kind in raised_by(operation):
        for status in statuses_of(kind, operation.words):
            by_status.setdefault(status, []).append(kind.code)
    rows = [
        (text(str(status)), joined(*[joined(code(word), text(" ")) for word in sorted(set(codes))]))
        for status, codes in sorted(by_status.items())
    ]
    return table(("status", "codes"), rows)


def _curl_view(operation: Operation) -> Markup:
    shown = text(curl(operation)).replace(ORIGIN, f'<span class="origin">{ORIGIN}</span>')
    return tag("div", tag("pre", tag("code", Markup(shown))), of_class="call")
