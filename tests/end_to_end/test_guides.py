"""The guides' code runs against a service with a scripted engine, and prints what they show."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from forebay.settings import Settings
from tests.clients.scripted_engine import MODEL as ENGINE_MODEL
from tests.clients.scripted_engine import ScriptedEngine, scripted_engine
from tests.end_to_end.guide import ADDRESS, DOCS, Shell, blocks, run_guide
from tests.end_to_end.guide import KEY as SHOWN_KEY
from tests.end_to_end.hooks import taking_hooks
from tests.server_process import KEY, ServerProcess, clean_environment

GUIDES = ("batches.md", "choosing-a-mode.md", "sending-at-scale.md", "completion-windows.md")
"""All guides: `test_no_block_of_a_guide_is_left_out` knows what each language of them means."""

SETTINGS = f"""
webhook_networks = ["127.0.0.0/8"]

[models."smollm2-135m-instruct"]
engines = ["%s"]
engine_model = "{ENGINE_MODEL}"
price = {{ input = "1.00", cached = "0.50", output = "2.00" }}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    """The engine behind the server."""
    with scripted_engine() as engine:
        yield engine


def serving(folder: Path, settings: str) -> ServerProcess:
    """Return a server with these settings that has started."""
    (folder / "forebay.toml").write_text(settings)
    server = ServerProcess(folder)
    server.start()
    return server


@pytest.fixture(scope="module")
def server(
    engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server with the default windows."""
    server = serving(tmp_path_factory.mktemp("guides"), SETTINGS % engine.url)
    try:
        yield server
    finally:
        server.end()


def here(server: ServerProcess) -> dict[str, str]:
    """Return what a guide shows, and what it is in this test."""
    return {ADDRESS: server.address, SHOWN_KEY: KEY}


def test_choosing_a_mode(server: ServerProcess) -> None:
    run_guide("choosing-a-mode.md", here(server))


def test_sending_at_scale(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    with taking_hooks() as hooks:
        named = {
            "1000": "40",
            "https://example.com/done": hooks.at("/done"),
            "https://example.com/events": hooks.at("/events"),
            "Write a long report.": "wait",  # what the engine's answer to is held back
        }
        names = run_guide("sending-at-scale.md", here(server) | named)
        done, event = hooks.next("/done"), hooks.next("/events")
    assert done.headers["authorization"] == "Bearer a token of yours"
    assert json.loads(done.body)["status"] == "completed"
    names["receive"](event.body, event.headers)
    assert capsys.readouterr().out == "response.completed completed\n"


def test_batches(server: ServerProcess, tmp_path: Path) -> None:
    """Its command finds the server by the environment, and not by a data directory."""
    environ = clean_environment(
        {"FOREBAY_BASE_URL": f"{server.address}/v1", "FOREBAY_API_KEY": KEY, "HOME": str(tmp_path)}
    )
    named = {
        "time.sleep(1)": "time.sleep(0.05)",
        "Write a long report.": "wait",  # what the engine's answer to is held back
    }
    run_guide("batches.md", here(server) | named, Shell(tmp_path, environ))


def test_completion_windows(engine: ScriptedEngine, tmp_path: Path) -> None:
    """Its server is configured by the guide itself."""
    (configured,) = [b.text for b in blocks("completion-windows.md") if b.language == "toml"]
    shown = 'engines = ["http://gpu1:8000/v1"]\n'
    assert shown in configured
    named = f'engines = ["{engine.url}"]\nengine_model = "{ENGINE_MODEL}"\n'
    server = serving(tmp_path, configured.replace(shown, named))
    try:
        run_guide("completion-windows.md", here(server))
    finally:
        server.end()


@pytest.mark.parametrize("page", GUIDES)
def test_no_block_of_a_guide_is_left_out(page: str) -> None:
    fences = re.findall(r"^```(\w*)", (DOCS / page).read_text("utf-8"), re.MULTILINE)
    assert {fence for fence in fences if fence} <= {"python", "sh", "text", "toml"}
    assert len(fences) == 2 * len(blocks(page))


def test_every_example_of_settings_is_accepted() -> None:
    for page in GUIDES:
        for block in blocks(page):
            if block.language == "toml":
                msgspec.convert(tomllib.loads(block.text), Settings, strict=False)
