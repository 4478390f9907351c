"""The service's own description, and answers held against it to the last field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs

from tests.api.conftest import KEY, Front

HTTP_METHODS = ("get", "post", "delete")
COMPONENTS = "#/components/"


class Description:
    """The document of a running service. `seen` has each answer that was held against it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[tuple[str, str, int]] = set()
        self._exact = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": exact(document["components"]),
        }

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield every operation with its method and its path."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def schema(self, name: str) -> dict[str, Any]:
        """Return a component."""
        found: dict[str, Any] = self.document["components"]["schemas"][name]
        return found

    def operation_of(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """Return the described path that a real one falls under, and its operation."""
        fitting = [
            (described, operation)
            for known, described, operation in self.operations()
            if known == method and _pattern(described).fullmatch(path)
        ]
        # `/v1/responses/compact` is no response: a path to the letter goes first.
        return min(fitting, key=lambda found: found[0].count("{"))

    def check(self, answer: httpx2.Response) -> Any:
        """Hold an answer against what is said of it, and return its JSON, if it is JSON."""
        method, path = answer.request.method, answer.request.url.path
        described, operation = self.operation_of(method, path)
        responses = operation["responses"]
        assert str(answer.status_code) in responses, (method, path, answer.status_code, answer.text)
        said = responses[str(answer.status_code)]
        kind = answer.headers["content-type"].partition(";")[0]
        (content,) = [
            content for named, content in said["content"].items() if named.partition(";")[0] == kind
        ]
        assert answer.headers["x-request-id"]
        self.seen.add((method, described, answer.status_code))
        if kind == "text/event-stream":
            data = content["schema"]["properties"]["data"]
            event = data["anyOf"][0] if "anyOf" in data else data
            for payload in events_of(answer.text):
                self.validate(payload, event["contentSchema"])
            return None
        if kind != "application/json":
            return None
        self.validate(answer.json(), content["schema"])
        return answer.json()

    def validate(self, value: object, schema: dict[str, Any]) -> None:
        """Hold a value against a schema; fields that nobody described are errors, too."""
        validator = jsonschema_rs.Draft202012Validator({**self._exact, **exact(schema)})
        errors = [
            f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)
        ]
        assert not errors, (errors, value)


async def description_of(front: Front) -> Description:
    """Return the description that the service gives of itself."""
    answer = await front.http.get("/openapi.json")
    assert answer.status_code == 200
    return Description(answer.json())


def events_of(stream: str) -> list[Any]:
    """Return the JSON of a stream's events."""
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line[:5] == "data:"]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def exact(schema: Any) -> Any:
    """Return a schema whose objects have the described fields and no others."""
    if isinstance(schema, list):
        return [exact(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: exact(value) for key, value in schema.items()}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def references(value: object) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for entry in value.values():
            yield from references(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from references(entry)


def bearer() -> dict[str, str]:
    """Return what lets a caller in."""
    return {"authorization": f"Bearer {KEY}"}


def _pattern(path: str) -> re.Pattern[str]:
    # Names of models may hold slashes; nothing else does.
    return re.compile(
        re.sub(r"\\{name\\}", ".+", re.sub(r"\\{(?!name)\w+\\}", "[^/]+", re.escape(path)))
    )
