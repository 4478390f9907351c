"""The programs under `examples/`, as a person would run them."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
from openai.types.responses import Response

from examples.fan_out import Tally
from tests.clients.conftest import SETTINGS
from tests.clients.environments import INSTALLED, ROOT, Clients, run
from tests.clients.scripted_engine import ScriptedEngine
from tests.server_process import KEY, ServerProcess

EXAMPLES = ROOT / "examples"
COUNT = 1000
POLL_S = 0.02


@pytest.fixture(scope="module")
def server(
    running_engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server that may call webhooks on this machine."""
    folder = tmp_path_factory.mktemp("server")
    networks = 'webhook_networks = ["127.0.0.0/8"]\n'
    (folder / "forebay.toml").write_text(networks + SETTINGS % running_engine.url)
    # A port of its own, so that it is found again when it was started anew.
    server = ServerProcess(folder, "--port", str(free_port()))
    server.start()
    try:
        yield server
    finally:
        server.end()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    """OpenAI's client, to look at what an example has left."""
    with (
        openai.DefaultHttpxClient(trust_env=False) as http,
        openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY, http_client=http) as client,
    ):
        yield client


def example(clients: Clients, name: str, *flags: str, python: Path = Path(sys.executable)) -> str:
    """Return what an example prints."""
    common = ["--base-url", f"{clients.address}/v1", "--model", clients.model]
    command = [str(python), str(EXAMPLES / name), *common, *flags]
    return run(command, cwd=clients.home, env=clients.environ(COLUMNS="100"))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_thousand_requests_are_fanned_out_and_waited_for(
    clients: Clients, engine: ScriptedEngine
) -> None:
    printed = example(clients, "fan_out.py", "--count", str(COUNT))
    assert f"ended: {COUNT} completed\nwindow met: {COUNT} of {COUNT}\ncost: 0.0" in printed
    assert printed.count(f"{COUNT}/{COUNT}") == 2  # created, and ended
    prompts = {str(body["messages"]) for body in engine.heard()}
    assert len(prompts) == len(engine.heard()) == COUNT


def test_a_fan_out_is_told_by_webhooks(clients: Clients) -> None:
    flags = ("--count", "100", "--webhook-port", str(free_port()))
    assert "ended: 100 completed\n" in example(clients, "fan_out.py", *flags)


def test_a_fan_out_that_is_started_again_makes_nothing_twice(
    clients: Clients, engine: ScriptedEngine
) -> None:
    flags = ("--group", "again", "--count")
    first = example(clients, "fan_out.py", *flags, "20")
    assert len(engine.heard()) == 20
    second = example(clients, "fan_out.py", *flags, "30")
    assert len(engine.heard()) == 30
    assert "ended: 20 completed" in first and "ended: 30 completed" in second


def test_a_fan_out_does_not_notice_that_the_server_is_killed(
    clients: Clients, engine: ScriptedEngine, server: ServerProcess
) -> None:
    with ThreadPoolExecutor() as running:
        printed = running.submit(example, clients, "fan_out.py", "--count", "300")
        while len(engine.heard()) < 100 and not printed.done():
            time.sleep(POLL_S)
        assert not printed.done(), "it was to be killed in the middle"
        server.kill()
        server.start()
    assert "ended: 300 completed\n" in printed.result()
    assert len({str(body["messages"]) for body in engine.heard()}) == 300


def test_the_sum_of_a_fan_out_tells_what_failed_was_late_and_cost() -> None:
    tally = Tally()
    cost = {"amount": "0.000050", "currency": "USD"}
    for status, fields in (
        ("completed", {"cost": cost}),
        ("completed", {"cost": cost, "window_missed": True}),
        ("failed", {"window_missed": True}),
    ):
        tally.add(Response.construct(status=status, forebay=fields))
    assert str(tally) == "ended: 2 completed, 1 failed\nwindow met: 1 of 3\ncost: 0.0001 USD"


def test_a_fleets_agents_use_their_tool_and_go_on_in_the_background(
    clients: Clients, engine: ScriptedEngine
) -> None:
    agents = INSTALLED / "agents" / "bin" / "python"
    printed = example(clients, "agent_fleet.py", "--agents", "3", python=agents)
    for river, level in (("Rhine", 100), ("Danube", 107), ("Elbe", 114)):
        assert f"{river}: The tool said: The {river} stands at {level} cm.\n" in printed
        assert f"{river}: You said: May a barge pass?\n" in printed
    heard = [body["messages"] for body in engine.heard()]
    assert len(heard) == 9, "three agents with three turns: a call, an answer, and the second one"
    longest = max(heard, key=lambda messages: len(str(messages)))
    assert isinstance(longest, list)
    roles = [message["role"] for message in longest]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


def test_a_fleets_turns_are_background_responses_of_one_group(
    clients: Clients, client: openai.OpenAI
) -> None:
    agents = INSTALLED / "agents" / "bin" / "python"
    flags = ("--agents", "2", "--group", "fleet", "--window", "asap")
    assert re.search(
        "2 agents have ended", example(clients, "agent_fleet.py", *flags, python=agents)
    )
    page = client.get(
        "/responses", cast_to=openai.BaseModel, options={"params": {"group": "fleet"}}
    ).model_dump()
    turns = page["data"]
    assert len(turns) == 6
    assert {turn["metadata"]["session"] for turn in turns} == {"fleet-0", "fleet-1"}
    assert all(turn["background"] and turn["status"] == "completed" for turn in turns)
    assert {turn["forebay"]["window"] for turn in turns} == {"asap"}
