"""The vendors' coding agents take a turn with a tool: their own shell runs a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.environments import client_environment, node, npm_package, run
from tests.clients.scripted_engine import ScriptedEngine
from tests.server_process import KEY, ServerProcess

CODEX_SETTINGS = """
model = "gpt-forebay"
model_provider = "forebay"

[model_providers.forebay]
name = "Forebay"
base_url = "%s/v1"
env_key = "FOREBAY_KEY"
wire_api = "responses"
"""
QUIET_CLAUDE = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to work in, in an empty home."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("engine")
def test_codex_runs_a_command_and_reads_its_output(server: ServerProcess, folder: Path) -> None:
    settings = folder.parent / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(CODEX_SETTINGS % server.address)
    printed = run(
        [
            *(str(node()), str(npm_package("@openai/codex") / "bin" / "codex.js")),
            *("exec", "--json", "--skip-git-repo-check"),
            # Its sandbox needs what a container may not have; the engine asks for an echo.
            "--dangerously-bypass-approvals-and-sandbox",
            "Use exec_command for `echo forty-two`.",
        ],
        cwd=folder,
        env=client_environment(folder.parent, FOREBAY_KEY=KEY),
    )
    events = [json.loads(line) for line in printed.splitlines()]
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    assert [item["aggregated_output"] for item in items if item["type"] == "command_execution"] == [
        "forty-two\n"
    ]
    assert items[-1]["type"] == "agent_message"
    assert items[-1]["text"].startswith("The tool said: ")
    assert "forty-two" in items[-1]["text"]


@pytest.mark.parametrize("name_of_key", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
def test_claude_code_runs_a_command_and_reads_its_output(
    name_of_key: str, server: ServerProcess, engine: ScriptedEngine, folder: Path
) -> None:
    keys = {name_of_key: KEY, "ANTHROPIC_BASE_URL": server.address}
    printed = run(
        [
            # The launcher for installations without install scripts.
            str(node()),
            str(npm_package("@anthropic-ai/claude-code") / "cli-wrapper.cjs"),
            *("-p", "Use Bash for `echo forty-two`.", "--model", "claude-forebay"),
            *("--output-format", "json", "--allowedTools", "Bash(echo:*)"),
        ],
        cwd=folder,
        env=client_environment(folder.parent, **QUIET_CLAUDE, **keys),
    )
    result = json.loads(printed)
    assert result["result"] == "The tool said: forty-two"
    assert (result["num_turns"], result["is_error"]) == (2, False)
    assert len(engine.heard()) == 2
