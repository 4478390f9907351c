"""The description at `/openapi.json`: whole, and the same as the routes and the tables say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route

from forebay.api.app import PATHS
from forebay.dialects import chat, completions, embeddings, messages, responses
from forebay.dialects.dialect import DialectName
from forebay.dialects.parameters import Parameters
from tests.api.conftest import Front
from tests.api.described import COMPONENTS, description_of, references

TABLES: dict[str, tuple[DialectName, Parameters]] = {
    "ChatBody": (DialectName.CHAT, chat.PARAMETERS),
    "ResponsesBody": (DialectName.RESPONSES, responses.PARAMETERS),
    "MessagesBody": (DialectName.MESSAGES, messages.PARAMETERS),
    "CompletionsBody": (DialectName.COMPLETIONS, completions.PARAMETERS),
    "EmbeddingsBody": (DialectName.EMBEDDINGS, embeddings.PARAMETERS),
}
BODIES = pytest.mark.parametrize("body", TABLES)


def answered(front: Front) -> list[tuple[str, str]]:
    """Return the method and path of everything that the application answers."""
    door: Any = front.service.app
    routes = [route for route in door._rest._app.routes if isinstance(route, Route)]
    found = [
        (method, route.path.replace(":path}", "}"))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    ]
    assert {("POST", path) for path in door._hot} <= set(found)
    return found + [("X-FOREBAY-WEBSOCKET", path) for path in door._sockets]


async def test_each_route_has_one_operation_and_each_operation_a_route(front: Front) -> None:
    description = await description_of(front)
    described = [(method, path) for method, path, _ in description.operations()]
    assert Counter(described) == Counter(answered(front))


async def test_operations_have_ids_of_their_own(front: Front) -> None:
    description = await description_of(front)
    ids = Counter(operation["operationId"] for _, _, operation in description.operations())
    assert set(ids.values()) == {1}


async def test_every_reference_leads_somewhere(front: Front) -> None:
    description = await description_of(front)
    components = description.document["components"]
    for reference in set(references(description.document)):
        kind, name = reference.removeprefix(COMPONENTS).split("/")
        assert name in components[kind], reference


async def test_every_component_is_a_schema_that_somebody_names(front: Front) -> None:
    description = await description_of(front)
    named = set(references(description.document))
    for name, schema in description.document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )
        assert f"#/components/schemas/{name}" in named


@BODIES
async def test_a_body_has_every_parameter_of_its_table_with_its_class(
    front: Front, body: str
) -> None:
    name, table = TABLES[body]
    fields = (await description_of(front)).schema(body)["properties"]
    classes = {
        **dict.fromkeys(table.honoured, "honoured"),
        **dict.fromkeys(table.partly, "in part"),
        **dict.fromkeys(table.refused, "refused"),
        **dict.fromkeys(table.without_effect, "without effect"),
    }
    assert {field: schema.get("x-forebay-class") for field, schema in fields.items()} == classes
    assert PATHS[name]


@BODIES
async def test_a_parameter_that_is_honoured_says_what_it_may_be(front: Front, body: str) -> None:
    fields = (await description_of(front)).schema(body)["properties"]
    for name, schema in fields.items():
        if schema["x-forebay-class"] in ("honoured", "in part"):
            assert {"type", "anyOf", "enum", "$ref"} & set(schema), name


async def test_a_refused_parameter_says_why_and_what_is_let_through(front: Front) -> None:
    fields = (await description_of(front)).schema("ChatBody")["properties"]
    assert fields["functions"] == {
        "enum": [None, []],
        "x-forebay-class": "refused",
        "description": "Refused: use 'tools'.",
    }


async def test_limits_of_values_are_said(front: Front) -> None:
    description = await description_of(front)
    chats = description.schema("ChatBody")["properties"]
    assert (chats["n"]["minimum"], chats["n"]["maximum"]) == (1, 128)
    assert chats["messages"]["minItems"] == 1
    assert chats["metadata"]["maxProperties"] == 16
    assert chats["metadata"]["additionalProperties"]["maxLength"] == 512
    listing = description.document["paths"]["/v1/batches"]["get"]["parameters"]
    (limit,) = [parameter["schema"] for parameter in listing if parameter["name"] == "limit"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100, 20)


async def test_what_asks_for_no_key_says_so(front: Front) -> None:
    description = await description_of(front)
    keyless = {path for _, path, operation in description.operations() if "security" in operation}
    assert keyless == {"/", "/health", "/ready", "/docs", "/openapi.json"}
    for path in keyless:
        answer = await front.http.get(path, headers={"authorization": ""})
        assert answer.status_code == 200, path
