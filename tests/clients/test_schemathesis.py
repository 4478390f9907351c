"""Every operation of `/openapi.json`, called with all that its types allow, and with more.

What is looked for is a 5xx, and an answer that is not as described. The seed is fixed, so that a
failure comes again.
"""

from __future__ import annotations

import json
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import openai

from tests.clients.conftest import MODEL
from tests.clients.environments import INSTALLED, Clients, run
from tests.clients.scripted_engine import ScriptedEngine

EXAMPLES = 6
POLL_S = 0.1
BATCH_LANE = "^/v1/(batches|files|uploads|messages/batches)"
PROGRAM = INSTALLED / "schemathesis" / "bin" / "schemathesis"

# Not whether all that fits its type is accepted: the model or the body as a whole may forbid it.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description without WebSockets, and with the one served model in it.

    Few calls would reach an engine otherwise. The window's header goes for the same reason: any
    window but the operator's own is refused.
    """
    for component in document["components"]["schemas"].values():
        fields = component.get("properties", {})
        if "x-forebay-class" in fields.get("model", {}):
            fields["model"] = {"const": MODEL}
        if "dimensions" in fields:
            fields["dimensions"]["maximum"] = 8  # the engine of these tests makes whatever is asked
    for methods in document["paths"].values():
        for method, operation in list(methods.items()):
            if "x-forebay-websocket" in operation:
                del methods[method]
            operation["parameters"] = [
                parameter
                for parameter in operation.get("parameters", ())
                if parameter["name"] != "X-Completion-Window"
            ]
    return document


def of_batches(document: dict[str, Any], client: openai.OpenAI) -> dict[str, Any]:
    """Return the description with ids of what is there, for few calls would find it otherwise.

    What is deleted is another one of its kind. The batches have ended, but for one that runs.
    """
    made = [_ids(client), _ids(client)]
    bodies = document["components"]["schemas"]
    bodies["BatchBody"]["properties"]["input_file_id"] = {"enum": made[0]["/v1/files/"]}
    for path, methods in document["paths"].items():
        kinds = [kind for kind in made[0] if path.startswith(kind)]
        for method, operation in methods.items():
            for parameter in operation["parameters"]:
                if kinds and parameter["name"] == "id":
                    ids = made[method == "delete"][kinds[0]]
                    parameter["schema"] = {"enum": [*ids, "none"]}
                if parameter["name"] == "custom_id":
                    parameter["schema"] = {"enum": ["good", "bad", "none"]}
    return document


def _ids(client: openai.OpenAI) -> dict[str, list[str]]:
    """Make one of each kind that a path of the batch lane has, and return their ids by its path."""
    message = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    held = message | {"messages": [{"role": "user", "content": "wait"}]}
    good = {"custom_id": "good", "params": message}
    bad = {"custom_id": "bad", "params": {**message, "temperature": "hot"}}
    fields = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    upload = {"filename": "a", "purpose": "batch", "bytes": 9, "mime_type": "text/plain"}
    post = partial(client.post, cast_to=openai.BaseModel)
    ended = post("/batches", body={**fields, "requests": [good, bad]}).model_dump()["id"]
    running = post("/batches", body={**fields, "requests": [{"custom_id": "good", "params": held}]})
    messages = post("/messages/batches", body={"requests": [good, bad]}).model_dump()["id"]
    while (batch := client.batches.retrieve(ended)).status != "completed":
        time.sleep(POLL_S)
    files = [batch.input_file_id, str(batch.output_file_id), str(batch.error_file_id)]
    return {
        "/v1/batches/": [ended, running.model_dump()["id"]],
        "/v1/messages/batches/": [messages],
        "/v1/files/": files,
        "/v1/uploads/": [post("/uploads", body=upload).model_dump()["id"]],
    }


def test_whatever_its_types_allow_is_answered_as_described(
    clients: Clients, tmp_path: Path
) -> None:
    call_all(described(clients), clients, tmp_path, "--exclude-path-regex", BATCH_LANE)


def test_the_batch_lane_answers_as_described_of_what_is_there(
    clients: Clients, engine: ScriptedEngine, tmp_path: Path
) -> None:
    with (
        openai.DefaultHttpxClient(trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{clients.address}/v1", api_key=clients.key, http_client=http
        ) as client,
    ):
        document = of_batches(described(clients), client)
    call_all(document, clients, tmp_path, "--include-path-regex", BATCH_LANE)
    engine.let_go()  # the server would wait for the batch that runs when it is ended


def described(clients: Clients) -> dict[str, Any]:
    """Return the server's description of itself, narrowed."""
    with urllib.request.urlopen(f"{clients.address}/openapi.json") as answer:
        return narrowed(json.load(answer))


def call_all(document: dict[str, Any], clients: Clients, folder: Path, *flags: str) -> None:
    """Call every operation that the flags select; fails with what is not as described."""
    assert PROGRAM.exists(), f"{PROGRAM} is not installed: run make test-clients"
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    run(
        [
            *(str(PROGRAM), "run", str(file), "--url", clients.address, *flags),
            *("--header", f"Authorization: Bearer {clients.key}"),
            *("--checks", ",".join(CHECKS)),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            *("--seed", "1", "--continue-on-failure", "--warnings", "off"),
        ],
        cwd=folder,
        env=clients.environ(),
    )
