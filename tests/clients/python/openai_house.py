"""Models and errors through OpenAI's client; both majors run this."""

from __future__ import annotations

from openai import APIStatusError, OpenAI

from tests.clients.python.openai_client import connected
from tests.clients.python.stage import JsonObject, model, perform


def models() -> JsonObject:
    """List the models, and look one up whose name has a slash."""
    client = connected()
    return {
        "listed": [listed.id for listed in client.models.list()],
        "found": client.models.retrieve(model()).id,
    }


def unknown_model() -> JsonObject:
    """Ask a model that is not here."""
    return _refused(connected(), model="no-such-model", content="hello")


def wrong_key() -> JsonObject:
    """Come with a wrong key."""
    return _refused(connected().with_options(api_key="wrong"), model=model(), content="hello")


def wrong_type() -> JsonObject:
    """Send a number where text belongs."""
    return _refused(connected(), model=model(), content=7)


def _refused(client: OpenAI, *, model: str, content: object) -> JsonObject:
    message = {"role": "user", "content": content}
    try:
        client.chat.completions.create(model=model, messages=[message])  # type: ignore[list-item]
    except APIStatusError as error:
        return {
            "class": type(error).__name__,
            "code": error.code,
            "param": error.param,
            "has_request_id": bool(error.request_id),
        }
    raise AssertionError("it was not refused")


if __name__ == "__main__":
    perform(models, unknown_model, wrong_key, wrong_type)
