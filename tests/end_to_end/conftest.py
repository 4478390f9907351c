"""One service with the default model, as a process, and the official SDKs in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.default_model import require_default_model
from tests.server_process import KEY, ServerProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that need nothing special of it."""
    environ = {
        "FOREBAY_API_KEY": KEY,
        "FOREBAY_MODELS_DIR": str(require_default_model()),
        "FOREBAY_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }
    server = ServerProcess(tmp_path_factory.mktemp("served"), environ=environ)
    server.start()
    yield server
    server.end()


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, strict about every body."""
    with (
        openai.DefaultHttpxClient(trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{server.address}/v1",
            api_key=KEY,
            http_client=http,
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def claude(server: ServerProcess) -> Iterator[anthropic.Anthropic]:
    """Anthropic's SDK, strict about every body."""
    with (
        anthropic.DefaultHttpxClient(trust_env=False) as http,
        anthropic.Anthropic(
            base_url=server.address,
            api_key=KEY,
            http_client=http,
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        yield client
