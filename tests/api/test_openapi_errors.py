"""What the service says of its errors is how it fails, operation by operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from forebay.core import engine_errors, errors
from forebay.core.errors import ForebayError
from tests.api.conftest import MODEL, Front
from tests.api.described import Description, description_of
from tests.fakes import ScriptedEngine

UNKNOWN = "nothing_of_that_id"
FAILURES = [
    errors.ContextTooLong("too long"),
    errors.PromptRejected("not this one"),
    engine_errors.EngineBusy("busy", retry_after_s=3),
    engine_errors.EngineUnavailable("it broke off"),
    engine_errors.EngineFailed("it failed"),
]


@pytest.fixture
async def description(front: Front) -> Description:
    """The description that the service gives of itself."""
    return await description_of(front)


def called(description: Description) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each operation that is called over HTTP, its path filled with ids of nothing."""
    for method, path, operation in description.operations():
        if "x-forebay-websocket" not in operation:
            names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
            yield method, path.format(**dict.fromkeys(names, UNKNOWN)), operation


def takes_json(operation: dict[str, Any]) -> bool:
    """Tell whether the operation has a JSON body."""
    return "application/json" in operation.get("requestBody", {}).get("content", {})


@pytest.mark.parametrize("key", ["", "Bearer fb-unknown"])
async def test_a_caller_without_a_key_is_refused_as_described(
    front: Front, description: Description, key: str
) -> None:
    for method, path, operation in called(description):
        if operation.get("security") != []:
            answer = await front.http.request(method, path, headers={"authorization": key})
            assert answer.status_code == 401, path
            description.check(answer)


@pytest.mark.parametrize("body", ["no json", "[]", '{"model": 1, "metadata": 1, "items": 1}'])
async def test_a_broken_body_is_refused_as_described(
    front: Front, description: Description, body: str
) -> None:
    for method, path, operation in called(description):
        if takes_json(operation):
            answer = await front.http.request(method, path, content=body)
            assert answer.status_code in (400, 404), (path, answer.text)
            description.check(answer)


async def test_a_body_that_is_too_large_is_refused_as_described(
    front: Front, description: Description
) -> None:
    for method, path, operation in called(description):
        if "requestBody" in operation:
            headers = {"content-length": str(10**9)}
            answer = await front.http.request(method, path, content=b"{", headers=headers)
            assert answer.status_code == 413, path
            description.check(answer)


async def test_an_unknown_id_is_not_found_as_described(
    front: Front, description: Description
) -> None:
    for method, path, _ in called(description):
        if UNKNOWN in path and method != "POST" and not path.endswith("/api_keys"):
            answer = await front.http.request(method, path)
            assert answer.status_code == 404, (path, answer.text)
            description.check(answer)


async def test_a_parameter_outside_its_limits_is_refused_as_described(
    front: Front, description: Description
) -> None:
    for method, path, operation in called(description):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if "limit" in names and UNKNOWN not in path:
            headers = {"anthropic-version": "2023-06-01"} if path == "/v1/models" else {}
            answer = await front.http.request(method, f"{path}?limit=0", headers=headers)
            assert answer.status_code == 400, (path, answer.text)
            description.check(answer)


async def test_a_key_that_is_no_admins_is_refused_as_described(
    front: Front, description: Description
) -> None:
    bearer = {"authorization": f"Bearer {await front.key_of_another_project()}"}
    for method, path, _ in called(description):
        if "/organization/" in path:
            answer = await front.http.request(method, path, headers=bearer)
            assert answer.status_code == 403, path
            description.check(answer)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.code)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/responses", {"input": "hi"}),
        ("/v1/responses/compact", {"input": "hi"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}),
        ("/v1/completions", {"prompt": "hi"}),
        ("/v1/embeddings", {"input": "hi"}),
    ],
)
async def test_a_failure_of_the_engine_is_answered_as_described(
    front: Front,
    description: Description,
    engine: ScriptedEngine,
    path: str,
    body: dict[str, Any],
    failure: ForebayError,
) -> None:
    engine.queue += [[failure]] * 9
    answer = await front.http.post(path, json={"model": MODEL, **body})
    assert answer.status_code >= 400
    description.check(answer)
    said = answer.json()["error"]
    assert said.get("code", failure.code) == failure.code
