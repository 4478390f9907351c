"""Message Batches through Anthropic's client for Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.conftest import MODEL
from tests.clients.environments import Clients

Play = Callable[[str], JsonObject]
NONE = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}


@pytest.fixture(params=["anthropic-1", "anthropic-2"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "anthropic_batches", name)


def test_a_batch_is_run_read_and_deleted(play: Play) -> None:
    assert play("ended") == {
        "before": NONE | {"processing": 2},
        "after": NONE | {"succeeded": 1, "errored": 1},
        "lasts_s": 86_400.0,
        "are_times_in_order": True,
        "text": "You said: hello",
        "model": MODEL,
        "error": "invalid_request_error",
        "deleted": "message_batch_deleted",
        "later": ["NotFoundError", True],
    }


def test_a_batch_is_canceled(play: Play) -> None:
    made = play("canceled")
    assert "No `results_url` for the given batch" in str(made.pop("early"))
    assert made == {
        "deletion": ["BadRequestError", True],
        "asked": True,
        "after": NONE | {"canceled": 2},
        "results": {"one": "canceled", "two": "canceled"},
    }


def test_batches_are_listed_by_pages_in_both_directions(play: Play) -> None:
    assert play("listed") == {"down": True, "is_none_twice": True, "up": True, "after": True}
