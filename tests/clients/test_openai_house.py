"""Models and errors through OpenAI's client for Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.conftest import MODEL
from tests.clients.environments import Clients

Play = Callable[[str], JsonObject]


@pytest.fixture(params=["openai-2", "openai-3"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "openai_house", name)


def test_models_are_listed_and_looked_up(play: Play) -> None:
    assert play("models") == {"listed": [MODEL], "found": MODEL}


def test_an_unknown_model_is_not_found(play: Play) -> None:
    assert play("unknown_model") == {
        "class": "NotFoundError",
        "code": "model_not_found",
        "param": "model",
        "has_request_id": True,
    }


def test_a_wrong_key_is_refused(play: Play) -> None:
    assert play("wrong_key") == {
        "class": "AuthenticationError",
        "code": "invalid_api_key",
        "param": None,
        "has_request_id": True,
    }


def test_a_wrong_type_is_a_bad_request(play: Play) -> None:
    made = play("wrong_type")
    assert made["class"] == "BadRequestError"
    assert "content" in str(made["param"])
