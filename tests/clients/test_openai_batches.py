"""Batches through OpenAI's client for Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.conftest import MODEL
from tests.clients.environments import Clients

Play = Callable[[str], JsonObject]

# Both majors make these calls alike: one of them is enough.
NEWEST = pytest.mark.parametrize("play", ["openai-3"], indirect=True)


@pytest.fixture(params=["openai-2", "openai-3"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "openai_batches", name)


def test_a_batch_is_run_and_tells_what_was_refused(play: Play) -> None:
    made = play("completed")
    assert "Cannot cancel a batch with status 'completed'." in str(made.pop("cancelling"))
    assert made == {
        "status": "completed",
        "counts": {"total": 2, "completed": 1, "failed": 1},
        "output_tokens": 3,
        "metadata": {"a": "1"},
        "model": MODEL,
        "are_times_in_order": True,
        "texts": {"good": "You said: hello"},
        "refused": {"bad": [400, "temperature", None]},
        "again": ["bad"],
    }


@NEWEST
def test_a_batch_may_be_of_any_endpoint(play: Play) -> None:
    assert play("endpoints") == {
        "/v1/chat/completions": "You said: hello",
        "/v1/responses": "You said: hello",
        "/v1/messages": "You said: hello",
        "/v1/completions": " (continued) Once upon",
        "/v1/embeddings": [[2.0, 0.5, 0.5, 0.5], [3.0, 0.5, 0.5, 0.5]],
    }


@NEWEST
def test_a_batch_with_mistakes_names_them(play: Play) -> None:
    assert play("failed") == {
        "status": "failed",
        "has_time": True,
        "errors": [
            [2, "invalid_json_line", None],
            [3, "streaming_unsupported", "body.stream"],
            [4, "invalid_url", "url"],
            [5, "model_not_found", "body.model"],
            [6, "duplicate_custom_id", "custom_id"],
        ],
        "missing": [[None, "invalid_request", "file_id"]],
    }


def test_a_batch_is_read_while_it_runs_and_keeps_what_is_done_when_cancelled(play: Play) -> None:
    assert play("cancelled") == {
        "while_it_runs": [["done"], "true", "1"],
        "after_that": [[], "true", "1"],
        "one": "You said: hello",
        "asked": True,
        "status": "cancelled",
        "at_the_end": [["done"], "false", "1"],
        "errors": {"held": "batch_cancelled"},
        "again": "cancelled",
    }


@NEWEST
def test_batches_are_listed_by_pages(play: Play) -> None:
    assert play("listed") == {"are_in_order": True, "is_none_twice": True}


@NEWEST
def test_a_batch_may_be_of_a_file_that_came_in_parts(play: Play) -> None:
    assert play("uploaded") == {"are_all_there": True}
