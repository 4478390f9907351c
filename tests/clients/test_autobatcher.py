"""Autobatcher in both of its modes: text in the background or in batches; and its proxy."""

from __future__ import annotations

import pytest

from tests.clients.answers import JsonObject
from tests.clients.environments import Clients

VECTORS = [[2.0, 0.5, 0.5, 0.5], [3.0, 0.5, 0.5, 0.5]]


def played(clients: Clients, play: str) -> JsonObject:
    """Return what a play with its client says."""
    return clients.python("autobatcher", "autobatcher_client", play)


def test_calls_wait_in_the_background(clients: Clients) -> None:
    assert played(clients, "flex") == {
        "text": "You said: hello",
        "tokens": 3,
        "tool": "weather",
        "response": "You said: hello",
        "is_in_background": True,
        "tiers": ["flex", "flex"],
    }


def test_a_call_that_nobody_waits_for_is_cancelled(clients: Clients) -> None:
    assert played(clients, "flex_cancelled") == {"status": "cancelled"}


def test_calls_of_an_endpoint_are_a_batch(clients: Clients) -> None:
    assert played(clients, "batched") == {
        "texts": ["You said: one", "You said: two"],
        "response": "You said: three",
        "vectors": VECTORS,
        "sizes": {"/v1/chat/completions": 2, "/v1/responses": 1, "/v1/embeddings": 1},
        "metadata": {"run": "7"},
    }


def test_results_of_a_batch_come_while_it_runs(clients: Clients) -> None:
    assert played(clients, "partial") == {
        "early": ["You said: one", "You said: two"],
        "status": "in_progress",
        "late": "You said: wait",
    }


def test_a_client_that_closes_cancels_its_batch(clients: Clients) -> None:
    assert played(clients, "closed") == {
        "done": "You said: one",
        "error": "RuntimeError",
        "events": 1,
        "status": "cancelled",
    }


@pytest.mark.parametrize(
    ("play", "batches"),
    [
        ("flex", {"/v1/embeddings": 1}),
        ("batched", {"/v1/chat/completions": 2, "/v1/responses": 1, "/v1/embeddings": 1}),
    ],
)
def test_its_proxy_serves_plain_clients(
    play: str, batches: dict[str, int], clients: Clients
) -> None:
    assert clients.python("autobatcher", "autobatcher_proxy", play) == {
        "text": "You said: hello",
        "streamed": "You said: hello",
        "response": "You said: hello",
        "vectors": VECTORS,
        "batches": batches,
    }
