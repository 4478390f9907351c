"""Batches of clients for Python where an operator has set something: time, webhooks, strictness."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.conftest import SETTINGS
from tests.clients.environments import Clients
from tests.clients.scripted_engine import ScriptedEngine
from tests.clients.test_anthropic_batches import NONE
from tests.server_process import ServerProcess

SET = """
batch_expiry_s = 5
webhook_networks = ["127.0.0.0/8"]
strict_anthropic_sampling = true
"""


@pytest.fixture(scope="module")
def server(
    running_engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server whose batches expire soon, and that may call webhooks on this machine."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "forebay.toml").write_text(SET + SETTINGS % running_engine.url)
    server = ServerProcess(folder)
    server.start()
    try:
        yield server
    finally:
        server.end()


def test_openais_client_sees_a_batch_expire_with_what_was_done(clients: Clients) -> None:
    assert clients.python("openai-3", "openai_batches", "expired") == {
        "status": "expired",
        "counts": {"total": 2, "completed": 1, "failed": 1},
        "is_late": True,
        "done": ["done"],
        "errors": {"held": "batch_expired"},
    }


def test_anthropics_client_sees_a_batch_expire_with_what_was_done(clients: Clients) -> None:
    assert clients.python("anthropic-2", "anthropic_batches", "expired") == {
        "after": NONE | {"succeeded": 1, "expired": 1},
        "results": {"done": "succeeded", "held": "expired"},
    }


def test_openais_client_verifies_the_webhooks_of_batches(clients: Clients) -> None:
    assert clients.python("openai-3", "openai_batches", "told") == {
        "types": ["batch.completed", "batch.failed"],
        "are_theirs": True,
    }


@pytest.mark.parametrize(
    ("major", "result"), [("anthropic-1", "succeeded"), ("anthropic-2", "errored")]
)
def test_requests_of_a_batch_are_run_under_the_version_of_their_client(
    major: str, result: str, clients: Clients
) -> None:
    assert clients.python(major, "anthropic_batches", "sampled") == {"result": result}
