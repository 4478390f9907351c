"""Every operation of `/openapi.json`, called with all that its types allow, and with more.

What is looked for is a 5xx, and an answer that is not as described. The seed is fixed, so that a
failure comes again.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.clients.conftest import MODEL
from tests.clients.environments import INSTALLED, Clients, run

EXAMPLES = 6
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


def test_whatever_its_types_allow_is_answered_as_described(
    clients: Clients, tmp_path: Path
) -> None:
    assert PROGRAM.exists(), f"{PROGRAM} is not installed: run make test-clients"
    with urllib.request.urlopen(f"{clients.address}/openapi.json") as answer:
        document = json.load(answer)
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(narrowed(document)))
    run(
        [
            *(str(PROGRAM), "run", str(described), "--url", clients.address),
            *("--header", f"Authorization: Bearer {clients.key}"),
            *("--checks", ",".join(CHECKS)),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            *("--seed", "1", "--continue-on-failure", "--warnings", "off"),
        ],
        cwd=tmp_path,
        env=clients.environ(),
    )
