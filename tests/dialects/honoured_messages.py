"""Messages, with their counting: what each honoured parameter changes, and where."""

from __future__ import annotations

from forebay.dialects import messages, token_counts
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import reasoning, text
from tests.dialects.honoured import Api, Case, answered, asked, passed_on, sent, wished

TOOL: JsonObject = {"name": "f", "input_schema": {"type": "object"}}
CHAT_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object"}},
}
FORMAT: JsonObject = {"type": "json_schema", "schema": {"type": "object"}}
CHAT_FORMAT: JsonObject = {
    "type": "json_schema",
    "json_schema": {"name": "output", "schema": {"type": "object"}, "strict": True},
}
SAID: list[JsonObject] = [{"role": "user", "content": "and?"}]
BEGUN: list[JsonObject] = [*SAID, {"role": "assistant", "content": "Well,"}]
BODY: JsonObject = {
    "model": "m",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "hi"}],
}

# What shapes the prompt: a count takes these, too.
PROMPT = (
    Case(name="model", value="other", look=asked("model"), seen="other"),
    passed_on("messages", SAID),
    passed_on("messages", BEGUN),
    Case(name="messages", value=BEGUN, look=sent("continue_final_message"), seen=True),
    Case(
        name="system",
        value="Be brief.",
        look=sent("messages", 0),
        seen={"role": "system", "content": "Be brief."},
    ),
    Case(name="tools", value=[TOOL], look=sent("tools"), seen=[CHAT_TOOL]),
    Case(
        name="tool_choice",
        value={"type": "any"},
        look=sent("tool_choice"),
        seen="required",
        beside={"tools": [TOOL]},
    ),
    Case(
        name="tool_choice",
        value={"type": "tool", "name": "f"},
        look=sent("tool_choice"),
        seen={"type": "function", "function": {"name": "f"}},
        beside={"tools": [TOOL]},
    ),
    Case(
        name="tool_choice",
        value={"type": "auto", "disable_parallel_tool_use": True},
        look=sent("parallel_tool_calls"),
        seen=False,
        beside={"tools": [TOOL]},
    ),
    Case(
        name="thinking",
        value={"type": "disabled"},
        look=sent("chat_template_kwargs"),
        seen={"enable_thinking": False},
    ),
    Case(
        name="output_config",
        value={"effort": "low"},
        look=sent("reasoning_effort"),
        seen="low",
    ),
    Case(
        name="output_config",
        value={"format": FORMAT},
        look=sent("response_format"),
        seen=CHAT_FORMAT,
    ),
    Case(name="output_format", value=FORMAT, look=sent("response_format"), seen=CHAT_FORMAT),
)

MESSAGES = Api(
    path="/v1/messages",
    parameters=messages.PARAMETERS,
    dialect=messages.MessagesDialect(),
    body=BODY,
    cases=(
        *PROMPT,
        passed_on("max_tokens", 9),
        passed_on("temperature", 0.5),
        passed_on("top_p", 0.5),
        passed_on("top_k", 5),
        passed_on("stop_sequences", ["x"], under="stop"),
        Case(
            name="stop_sequences",
            value=["x"],
            look=answered(
                "stop_sequence",
                deltas=[*text("a"), Delta(finish_reason="stop", stop_sequence="x")],
            ),
            seen="x",
        ),
        Case(
            name="thinking",
            value={"type": "enabled", "budget_tokens": 1024},
            look=answered("content", 0, "thinking", deltas=[*reasoning("hm"), *text("a")]),
            seen="hm",
        ),
        Case(name="stream", value=True, look=wished("is_streamed"), seen=True),
        Case(
            name="metadata",
            value={"completion_window": "standard"},
            look=wished("metadata"),
            seen={"completion_window": "standard"},
        ),
    ),
)

COUNT_TOKENS = Api(
    path="/v1/messages/count_tokens",
    parameters=token_counts.MESSAGE_PARAMETERS,
    dialect=messages.MessagesDialect(),
    body={"model": "m", "messages": BODY["messages"]},
    cases=PROMPT,
    as_parsed=lambda body: token_counts.countable(DialectName.MESSAGES, body),
)
