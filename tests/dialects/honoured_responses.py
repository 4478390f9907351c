"""Responses, their counting and compaction: what each honoured parameter changes, and where."""

from __future__ import annotations

from forebay.dialects import compaction, responses, token_counts
from forebay.dialects.dialect import Dialect, DialectName
from forebay.dialects.turn import Delta, JsonObject
from forebay.lanes.secret import TextCipher
from tests.dialects.calls import call_of, finish, outcome_of, reasoning
from tests.dialects.honoured import Api, Case, answered, asked, passed_on, sent, wished

CIPHER = TextCipher(b"a secret")
DIALECT = responses.ResponsesDialect(CIPHER)

TOOL: JsonObject = {"type": "function", "name": "f", "parameters": {"type": "object"}}
CHAT_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object"}},
}
ITEMS: list[JsonObject] = [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]
LOGPROBS = "message.output_text.logprobs"
LIKELIEST: JsonObject = {"token": "hi", "logprob": -0.5, "bytes": [104, 105]}
SAID = [Delta(text="hi", logprobs=({**LIKELIEST, "top_logprobs": [LIKELIEST]},))]
FORMAT: JsonObject = {"type": "json_schema", "name": "s", "schema": {"type": "object"}}
CONTINUED = frozenset({"conversation", "previous_response_id"})


def unsealed(dialect: Dialect, body: JsonObject) -> object:
    """Look at the reasoning that comes back encrypted, as it was before."""
    outcome = outcome_of([*reasoning("hm"), *finish()])
    output = dialect.final(call_of(dialect, body), outcome)["output"]
    assert isinstance(output, list)
    sealed = output[0]["encrypted_content"]
    return None if sealed is None else CIPHER.unseal(sealed)


# What shapes the prompt: a count takes these, too.
PROMPT = (
    Case(name="model", value="other", look=asked("model"), seen="other"),
    Case(name="input", value=ITEMS, look=sent("messages"), seen=ITEMS),
    Case(
        name="instructions",
        value="Be brief.",
        look=sent("messages", 0),
        seen={"role": "system", "content": "Be brief."},
    ),
    Case(name="tools", value=[TOOL], look=sent("tools"), seen=[CHAT_TOOL]),
    passed_on("tool_choice", "required", tools=[TOOL]),
    passed_on("tool_choice", "auto", tools=[TOOL]),
    Case(
        name="tool_choice",
        value={"type": "function", "name": "f"},
        look=sent("tool_choice"),
        seen={"type": "function", "function": {"name": "f"}},
        beside={"tools": [TOOL]},
    ),
    Case(
        name="tool_choice",
        value={"type": "allowed_tools", "mode": "auto", "tools": [TOOL]},
        look=sent("tools"),
        seen=[CHAT_TOOL],
        beside={"tools": [TOOL, {"type": "function", "name": "g"}]},
    ),
    passed_on("parallel_tool_calls", False, tools=[TOOL]),
    Case(
        name="reasoning",
        value={"effort": "low"},
        look=sent("reasoning_effort"),
        seen="low",
    ),
    Case(
        name="text",
        value={"format": FORMAT},
        look=sent("response_format"),
        seen={"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
    ),
)

RESPONSES = Api(
    path="/v1/responses",
    parameters=responses.PARAMETERS,
    dialect=DIALECT,
    body={"model": "m", "input": "hi"},
    cases=(
        *PROMPT,
        passed_on("temperature", 0.5),
        passed_on("top_p", 0.5),
        passed_on("presence_penalty", 1.5),
        passed_on("frequency_penalty", -1.5),
        passed_on("max_output_tokens", 9, under="max_tokens"),
        Case(name="include", value=[LOGPROBS], look=sent("logprobs"), seen=True),
        Case(name="include", value=["reasoning.encrypted_content"], look=unsealed, seen="hm"),
        passed_on("top_logprobs", 4, include=[LOGPROBS]),
        Case(
            name="top_logprobs",
            value=1,
            look=answered(*("output", 0, "content", 0, "logprobs", 0, "top_logprobs"), deltas=SAID),
            seen=[LIKELIEST],
            beside={"include": [LOGPROBS]},
        ),
        Case(name="truncation", value="auto", look=asked("is_truncatable"), seen=True),
        Case(name="stream", value=True, look=wished("is_streamed"), seen=True),
        Case(name="background", value=True, look=wished("is_background"), seen=True),
        Case(name="store", value=False, look=wished("is_stored"), seen=False),
        Case(name="metadata", value={"a": "b"}, look=wished("metadata"), seen={"a": "b"}),
        Case(name="service_tier", value="flex", look=wished("service_tier"), seen="flex"),
        Case(
            name="previous_response_id",
            value="resp_1",
            look=answered("previous_response_id", deltas=SAID),
            seen="resp_1",
        ),
        Case(
            name="conversation",
            value="conv_1",
            look=answered("conversation", deltas=SAID),
            seen={"id": "conv_1"},
        ),
    ),
    elsewhere=CONTINUED,
)

INPUT_TOKENS = Api(
    path="/v1/responses/input_tokens",
    parameters=token_counts.RESPONSE_PARAMETERS,
    dialect=DIALECT,
    body={"model": "m", "input": "hi"},
    cases=PROMPT,
    as_parsed=lambda body: token_counts.countable(DialectName.RESPONSES, body),
    elsewhere=CONTINUED,
)

COMPACT = Api(
    path="/v1/responses/compact",
    parameters=compaction.PARAMETERS,
    dialect=DIALECT,
    body={"model": "m", "input": "hi"},
    cases=(
        Case(name="model", value="other", look=asked("model"), seen="other"),
        Case(
            name="input",
            value="and?",
            look=sent("messages", 0),
            seen={"role": "user", "content": "and?"},
        ),
        Case(
            name="instructions",
            value="Be brief.",
            look=sent("messages", 0),
            seen={"role": "system", "content": "Be brief."},
        ),
        Case(name="service_tier", value="flex", look=wished("service_tier"), seen="flex"),
    ),
    as_parsed=lambda body: compaction.summary_body(body, []),
    elsewhere=frozenset({"previous_response_id"}),
)
