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

UNFIT = [
    # A body may fit its type and still be refused: by the model, or by what it says as a whole.
    "positive_data_acceptance",
    # `/v1/responses/compact` falls under `/v1/responses/{id}`, whose methods it has, too.
    "allow_header_conformance",
]


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description without WebSockets, and with the one served model in it.

    Few calls would reach an engine otherwise. The window's header goes for the same reason: any
    window but the operator's own is refused.
    """
    for component in document["components"]["schemas"].values():
        fields = component.get("properties", {})
        if "x-forebay-class" in fields.get("model", {}):
            fields["model"] = {"const": MODEL}
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
            *("--checks", "all", "--exclude-checks", ",".join(UNFIT)),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            *("--seed", "1", "--continue-on-failure", "--warnings", "off"),
        ],
        cwd=tmp_path,
        env=clients.environ(),
    )
