"""Messages: tools, the choice among them, the output format, and the calls that a model makes."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types.beta import (
    BetaMemoryTool20250818CreateCommand,
    BetaMemoryTool20250818DeleteCommand,
    BetaMemoryTool20250818InsertCommand,
    BetaMemoryTool20250818RenameCommand,
    BetaMemoryTool20250818StrReplaceCommand,
    BetaMemoryTool20250818ViewCommand,
)

from forebay.core.errors import UnsupportedParameter
from forebay.dialects.turn import JsonObject
from tests.dialects.calls import ID_BODY, finish, text, tool_call
from tests.dialects.messages_calls import DIALECT, TOOL, body, final, read

MEMORY_COMMANDS = (
    BetaMemoryTool20250818CreateCommand,
    BetaMemoryTool20250818DeleteCommand,
    BetaMemoryTool20250818InsertCommand,
    BetaMemoryTool20250818RenameCommand,
    BetaMemoryTool20250818StrReplaceCommand,
    BetaMemoryTool20250818ViewCommand,
)
CHAT_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object"}},
}

EDITOR_FIELDS = {
    "command",
    "path",
    "file_text",
    "old_str",
    "new_str",
    "insert_line",
    "view_range",
}
# What the SDK's own commands of that tool have.
MEMORY_FIELDS: set[str] = set().union(*[kind.model_fields for kind in MEMORY_COMMANDS])
SERVER_TOOLS: list[JsonObject] = [
    {"type": "web_search_20260318", "name": "web_search", "max_uses": 3},
    {"type": "web_fetch_20250910", "name": "web_fetch"},
    {"type": "code_execution_20250825", "name": "code_execution"},
    {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
    {"type": "advisor_20260301", "name": "advisor"},
    {"type": "mcp_toolset", "mcp_server_name": "files"},
]


def functions(*tools: JsonObject) -> list[dict[str, Any]]:
    """Return the functions that the engine is told of."""
    turn, _ = DIALECT.parse(body(tools=list(tools)))
    told: list[Any] = [tool["function"] for tool in turn.tools]
    return told


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_an_output_format_is_said_in_the_words_of_chat(place: str) -> None:
    shape = {"type": "json_schema", "schema": {"type": "object"}}
    given = {place: {"format": shape} if place == "output_config" else shape}
    assert DIALECT.parse(body(**given))[0].response_format == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": {"type": "object"}, "strict": True},
    }


@pytest.mark.parametrize("kind", [{}, {"type": "custom"}, {"type": None}])
def test_a_tool_is_said_in_the_words_of_chat(kind: JsonObject) -> None:
    assert DIALECT.parse(body(tools=[TOOL | kind]))[0].tools == [CHAT_TOOL]


def test_examples_of_a_tools_input_are_part_of_its_description() -> None:
    given = TOOL | {"description": "Adds.", "input_examples": [{"a": 1}, {"a": 2}]}
    function = functions(given)[0]
    assert function["description"] == 'Adds.\nExamples of its input:\n{"a":1}\n{"a":2}'


@pytest.mark.parametrize(
    ("kind", "name", "fields"),
    [
        ("bash_20241022", "bash", {"command", "restart"}),
        ("bash_20250124", "bash", {"command", "restart"}),
        ("text_editor_20241022", "str_replace_editor", EDITOR_FIELDS),
        ("text_editor_20250124", "str_replace_editor", EDITOR_FIELDS),
        ("text_editor_20250429", "str_replace_based_edit_tool", EDITOR_FIELDS | {"insert_text"}),
        ("text_editor_20250728", "str_replace_based_edit_tool", EDITOR_FIELDS | {"insert_text"}),
        ("memory_20250818", "memory", MEMORY_FIELDS),
    ],
)
def test_a_vendors_tool_that_the_client_runs_is_described_to_the_model(
    kind: str, name: str, fields: set[str]
) -> None:
    function = functions({"type": kind, "name": name})[0]
    schema = function["parameters"]
    assert function["name"] == name
    assert function["description"]
    assert set(schema["properties"]) == fields
    assert set(schema.get("required", [])) <= fields


@pytest.mark.parametrize(
    ("kind", "has_undo"), [("text_editor_20250124", True), ("text_editor_20250728", False)]
)
def test_only_the_older_editors_can_undo(kind: str, has_undo: bool) -> None:
    schema = functions({"type": kind, "name": "edit"})[0]["parameters"]
    assert ("undo_edit" in schema["properties"]["command"]["enum"]) is has_undo


@pytest.mark.parametrize("tool", SERVER_TOOLS)
def test_a_tool_of_the_vendors_servers_is_an_offer_that_nobody_takes(tool: JsonObject) -> None:
    turn, _ = DIALECT.parse(body(tools=[tool, TOOL], tool_choice={"type": "any"}))
    assert (turn.tools, turn.tool_choice) == ([CHAT_TOOL], "required")


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ({"type": "any"}, "tool_choice"),
        ({"type": "tool", "name": "web_search"}, "tool_choice.name"),
    ],
)
def test_a_tool_of_the_vendors_servers_cannot_be_demanded(choice: JsonObject, param: str) -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    with pytest.raises(UnsupportedParameter, match="web_search_20250305") as caught:
        DIALECT.parse(body(tools=tools, tool_choice=choice))
    assert caught.value.param == param


@pytest.mark.parametrize(
    "kind",
    [
        "computer_20250124",
        "computer_toolset_20260801",
        "browser_toolset_20260801",
        "bash_20990101",
        "function",
        7,
    ],
)
def test_a_tool_that_nobody_here_can_describe_is_refused(kind: object) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        functions(TOOL, {"type": kind, "display_width_px": 800})
    assert caught.value.param == "tools[1].type"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_tool_choice_is_said_in_the_words_of_chat(choice: object, said: object) -> None:
    turn, _ = DIALECT.parse(body(tools=[TOOL], tool_choice=choice))
    assert (turn.tool_choice, turn.parallel_tool_calls) == (said, None)


def test_one_call_at_a_time_may_be_asked_for() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    turn, _ = DIALECT.parse(body(tools=[TOOL], tool_choice=choice))
    assert turn.parallel_tool_calls is False


def test_the_sdk_reads_tool_calls() -> None:
    deltas = [*text("a"), *tool_call(0, "t1", "f", '{"a"', ":1}"), *finish("tool_calls")]
    message = read(deltas)
    use = message.content[1]
    assert use.type == "tool_use"
    assert (use.id, use.name, use.input) == ("t1", "f", {"a": 1})
    assert message.stop_reason == "tool_use"


def test_a_forced_call_is_a_tool_use_whatever_the_engine_says() -> None:
    deltas = [*tool_call(0, "t1", "f", "{}"), *finish("stop")]
    assert final(deltas)["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [("", {}), ("{}", {}), ('{"a":', {"_arguments": '{"a":'}), ("[1]", {"_arguments": "[1]"})],
)
def test_arguments_are_an_object_whatever_the_model_wrote(
    arguments: str, shown: JsonObject
) -> None:
    assert final(tool_call(0, "t1", "f", arguments))["content"][0]["input"] == shown


def test_a_call_without_an_id_of_the_engine_gets_one() -> None:
    assert final(tool_call(0, None, "f"))["content"][0]["id"] == f"toolu_{ID_BODY}0"
