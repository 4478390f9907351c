"""Chat Completions: what each honoured parameter changes, and where."""

from __future__ import annotations

from forebay.dialects import chat
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import text
from tests.dialects.honoured import (
    Api,
    Case,
    answered,
    asked,
    passed_on,
    sent,
    sent_each,
    told,
    wished,
)

TOOL: JsonObject = {"type": "function", "function": {"name": "f", "parameters": {}}}
NAMED: JsonObject = {"type": "function", "function": {"name": "f"}}
SCHEMA: JsonObject = {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}
LIKELIEST: JsonObject = {"token": "hi", "logprob": -0.5, "bytes": [104, 105]}
SAID = [Delta(text="hi", logprobs=({**LIKELIEST, "top_logprobs": [LIKELIEST]},))]

CHAT = Api(
    path="/v1/chat/completions",
    parameters=chat.PARAMETERS,
    dialect=chat.ChatDialect(),
    body={"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    cases=(
        Case(name="model", value="other", look=asked("model"), seen="other"),
        passed_on("messages", [{"role": "user", "content": "and?"}]),
        passed_on("temperature", 0.5),
        passed_on("top_p", 0.5),
        passed_on("stop", ["x", "y"]),
        passed_on("presence_penalty", 1.5),
        passed_on("frequency_penalty", -1.5),
        passed_on("logit_bias", {"7": -100}),
        passed_on("reasoning_effort", "low"),
        passed_on("max_tokens", 9),
        passed_on("max_completion_tokens", 9, under="max_tokens"),
        passed_on("max_completion_tokens", 9, under="max_tokens", max_tokens=7),
        passed_on("response_format", SCHEMA),
        passed_on("tools", [TOOL]),
        passed_on("tool_choice", "required", tools=[TOOL]),
        passed_on("tool_choice", "auto", tools=[TOOL]),
        passed_on("tool_choice", NAMED, tools=[TOOL]),
        Case(
            name="tool_choice",
            value="none",
            look=sent(),
            seen={
                "model": "engine",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": True,
                "stream_options": {"include_usage": True},
            },
            beside={"tools": [TOOL], "parallel_tool_calls": True},
        ),
        passed_on("parallel_tool_calls", False, tools=[TOOL]),
        passed_on("seed", 7),
        Case(name="n", value=3, look=sent_each("seed"), seen=[7, 8, 9], beside={"seed": 7}),
        passed_on("logprobs", True),
        passed_on("top_logprobs", 4, logprobs=True),
        Case(
            name="top_logprobs",
            value=1,
            look=answered("choices", 0, "logprobs", "content", 0, "top_logprobs", deltas=SAID),
            seen=[LIKELIEST],
            beside={"logprobs": True},
        ),
        Case(name="stream", value=True, look=wished("is_streamed"), seen=True),
        Case(
            name="stream_options",
            value={"include_usage": True},
            look=told(
                lambda chunks: chunks[-1].get("usage", {}).get("total_tokens"), deltas=text("a")
            ),
            seen=32,
            beside={"stream": True},
        ),
        Case(name="metadata", value={"a": "b"}, look=wished("metadata"), seen={"a": "b"}),
        Case(name="service_tier", value="flex", look=wished("service_tier"), seen="flex"),
        Case(name="store", value=True, look=wished("is_stored"), seen=True),
    ),
)
