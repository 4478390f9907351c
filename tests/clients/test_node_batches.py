"""Batches and Message Batches through the official clients for Node."""

from __future__ import annotations

import pytest

from tests.clients.environments import Clients
from tests.clients.test_anthropic_batches import NONE
from tests.clients.test_node import BAD_REQUEST, NOT_FOUND

OPENAI = {
    "completed": {
        "status": "completed",
        "counts": {"total": 2, "completed": 1, "failed": 1},
        "text": "You said: hello",
        "refused": ["bad", 400],
    },
    "failed": {"status": "failed", "errors": [[2, "invalid_json_line"]]},
    "cancelled": {"status": "cancelled", "hasOutput": False},
    "listed": {"areInOrder": True},
    "uploaded": {"text": "some notes in parts", "later": NOT_FOUND},
}
ANTHROPIC = {
    "ended": {
        "before": NONE | {"processing": 2},
        "after": NONE | {"succeeded": 1, "errored": 1},
        "text": "You said: hello",
        "error": "invalid_request_error",
        "deleted": "message_batch_deleted",
        "later": NOT_FOUND,
    },
    "canceled": {
        "deletion": BAD_REQUEST,
        "early": "No batch `results_url`",
        "after": NONE | {"canceled": 1},
        "type": "canceled",
    },
    "listed": {"down": True, "isNoneTwice": True, "up": True},
}


@pytest.mark.parametrize("play", OPENAI)
def test_openais_client_has_its_batch(play: str, clients: Clients) -> None:
    assert clients.node("openai_batches", play) == OPENAI[play]


@pytest.mark.parametrize("play", ANTHROPIC)
def test_anthropics_client_has_its_batch(play: str, clients: Clients) -> None:
    assert clients.node("anthropic_batches", play) == ANTHROPIC[play]
