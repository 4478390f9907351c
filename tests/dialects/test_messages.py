"""Messages: the body as a turn, and the message object as the official SDK reads it."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
    UnknownModel,
    UnsupportedParameter,
)
from forebay.core.requests import RequestStatus
from forebay.core.windows import Band
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import (
    ID_BODY,
    answer_of,
    call_of,
    finish,
    outcome_of,
    reasoning,
    text,
    tool_call,
)
from tests.dialects.sdks import anthropic_reading

DIALECT = MessagesDialect()
TOOL: JsonObject = {"name": "f", "input_schema": {"type": "object"}}
CHAT_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object"}},
}
USE: JsonObject = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
RESULT: JsonObject = {"type": "tool_result", "tool_use_id": "t1", "content": "42"}
THINKING: JsonObject = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


def body(**others: object) -> JsonObject:
    return {
        "model": "m",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "hi"}],
        **others,
    }


def user(*blocks: object) -> JsonObject:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: object) -> JsonObject:
    return {"role": "assistant", "content": list(blocks)}


def messages(*given: object, **others: object) -> list[JsonObject]:
    return DIALECT.parse(body(messages=list(given), **others))[0].messages


def final(deltas: list[Delta], given: JsonObject | None = None, **others: Any) -> dict[str, Any]:
    return DIALECT.final(call_of(DIALECT, given or body()), outcome_of(deltas, **others))


def read(deltas: list[Delta], given: JsonObject | None = None) -> Message:
    with anthropic_reading(final(deltas, given)) as client:
        return client.messages.create(
            model="m", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
        )


def refusal_of(given: JsonObject) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        DIALECT.parse(given)
    return caught.value


def test_a_plain_body_becomes_a_turn() -> None:
    turn, wishes = DIALECT.parse(body())
    assert turn.messages == [{"role": "user", "content": "hi"}]
    assert (turn.max_output_tokens, turn.sampling, turn.extra) == (64, {}, {})
    assert (turn.tools, turn.tool_choice, turn.parallel_tool_calls) == ([], None, None)
    assert (wishes.is_streamed, wishes.is_background, wishes.is_stored) == (False, False, False)


@pytest.mark.parametrize(
    "system", ["a\nb", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]]
)
def test_the_system_prompt_comes_first(system: object) -> None:
    said = messages({"role": "user", "content": "hi"}, system=system)
    assert said[0] == {"role": "system", "content": "a\nb"}


def test_a_system_message_stays_where_it_is() -> None:
    said = messages({"role": "user", "content": "hi"}, {"role": "system", "content": "in French"})
    assert said[1] == {"role": "system", "content": "in French"}


def test_one_text_block_is_plain_text() -> None:
    block = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    assert messages(user(block)) == [{"role": "user", "content": "hi"}]


def test_images_become_urls() -> None:
    base64 = {"type": "base64", "media_type": "image/png", "data": "AA=="}
    url = {"type": "url", "url": "https://x/y.png"}
    said = messages(user({"type": "image", "source": base64}, {"type": "image", "source": url}))
    assert said[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]


def test_a_tool_loop_becomes_calls_and_tool_messages() -> None:
    said = messages(
        {"role": "user", "content": "hi"},
        assistant(
            {"type": "thinking", "thinking": "r", "signature": "s"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "let me see"},
            USE,
        ),
        user(RESULT, {"type": "text", "text": "and now?"}),
    )
    assert said[1:] == [
        {
            "role": "assistant",
            "content": "let me see",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
            ],
            "reasoning_content": "r",
        },
        {"role": "tool", "tool_call_id": "t1", "content": "42"},
        {"role": "user", "content": "and now?"},
    ]


def test_results_come_right_after_their_calls() -> None:
    said = messages(assistant(USE), user({"type": "text", "text": "here:"}, RESULT))
    assert [message["role"] for message in said] == ["assistant", "tool", "user"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, ""),
        ({"content": [{"type": "text", "text": "42"}]}, "42"),
        ({"content": "no such file", "is_error": True}, "Error: no such file"),
    ],
)
def test_a_tool_result_is_text(content: JsonObject, said: str) -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", **content}
    assert messages(assistant(USE), user(result))[1]["content"] == said


def test_a_tool_result_may_hold_an_image() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    said = messages(assistant(USE), user(RESULT | {"content": [image], "is_error": True}))
    assert said[1]["content"] == [
        {"type": "text", "text": "Error:"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]


def test_sampling_goes_to_the_engine_in_the_words_of_chat() -> None:
    turn, _ = DIALECT.parse(
        body(
            temperature=0.5,
            top_p=0.9,
            top_k=4,
            stop_sequences=["END"],
            output_config={"effort": "low"},
        )
    )
    assert turn.sampling == {
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "reasoning_effort": "low",
    }
    assert turn.extra == {"top_k": 4}


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


def test_metadata_may_hold_our_own_keys_beside_the_user() -> None:
    given = {"user_id": "u" * 600, "completion_window": "standard"}
    assert DIALECT.parse(body(metadata=given))[1].metadata == given


def test_a_null_user_is_none() -> None:
    assert DIALECT.parse(body(metadata={"user_id": None}))[1].metadata == {}


def test_what_agents_send_beyond_the_api_breaks_nothing() -> None:
    turn, _ = DIALECT.parse(
        body(
            stream=True,
            context_management={"edits": []},
            thinking={"type": "adaptive"},
            service_tier="auto",
            brand_new_field=1,
        )
    )
    assert turn.extra == {}


@pytest.mark.parametrize(
    ("given", "kind", "param"),
    [
        (
            {"max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]},
            MissingParameter,
            "model",
        ),
        (
            {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
            MissingParameter,
            "max_tokens",
        ),
        ({"model": "m", "max_tokens": 1}, MissingParameter, "messages"),
        (body(messages=[]), InvalidParameter, "messages"),
        (body(max_tokens=0), InvalidParameter, "max_tokens"),
        (body(temperature=1.5), InvalidParameter, "temperature"),
        (body(messages=[{"role": "user"}]), MissingParameter, "messages[0].content"),
        (body(messages=[{"role": "tool", "content": "a"}]), InvalidParameter, "messages[0].role"),
        (
            body(messages=[user({"type": "text"})]),
            MissingParameter,
            "messages[0].content[0].text",
        ),
        (
            body(messages=[user({"type": "document", "source": {}})]),
            UnsupportedParameter,
            "messages[0].content[0].type",
        ),
        (
            body(messages=[user({"type": "image", "source": {"type": "file"}})]),
            UnsupportedParameter,
            "messages[0].content[0].source.type",
        ),
        (
            body(messages=[assistant({"type": "server_tool_use"})]),
            UnsupportedParameter,
            "messages[0].content[0].type",
        ),
        (
            body(messages=[user(RESULT)]),
            InvalidParameter,
            "messages[0].content[0].tool_use_id",
        ),
        (
            body(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
            UnsupportedParameter,
            "tools[0].type",
        ),
        (body(tools=[{"name": "f"}]), MissingParameter, "tools[0].input_schema"),
        (body(tool_choice={"type": "any"}), InvalidParameter, "tool_choice"),
        (body(tool_choice={"type": "tool", "name": "f"}), InvalidParameter, "tool_choice"),
        (
            body(tools=[TOOL], tool_choice={"type": "tool", "name": "g"}),
            InvalidParameter,
            "tool_choice.name",
        ),
        (
            body(tools=[TOOL], tool_choice={"type": "some"}),
            InvalidParameter,
            "tool_choice.type",
        ),
        (body(service_tier="priority"), InvalidParameter, "service_tier"),
        (body(metadata={"a": 1}), InvalidType, "metadata.a"),
        (body(container="c"), UnsupportedParameter, "container"),
        (body(mcp_servers=[{"url": "u"}]), UnsupportedParameter, "mcp_servers"),
        (body(output_config={"format": {"type": "xml", "schema": {}}}), InvalidParameter, None),
    ],
)
def test_a_bad_body_is_refused_with_the_name_of_the_field(
    given: JsonObject, kind: type[RequestRejected], param: str | None
) -> None:
    error = refusal_of(given)
    assert type(error) is kind
    assert error.param == (param or "output_config.format.type")


def test_the_sdk_reads_a_message() -> None:
    message = read([*text("Hel", "lo"), *finish()])
    assert message.id == f"msg_{ID_BODY}"
    assert [block.model_dump(exclude_none=True) for block in message.content] == [
        {"type": "text", "text": "Hello"}
    ]
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)


def test_input_tokens_leave_out_what_the_cache_had() -> None:
    usage = read(finish()).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (12, 8)
    assert (usage.cache_creation_input_tokens, usage.output_tokens) == (0, 12)
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 5


def test_thinking_is_shown_to_those_who_asked_for_it() -> None:
    deltas = [*reasoning("r"), *text("a"), *finish()]
    assert [block.type for block in read(deltas).content] == ["text"]
    shown = read(deltas, body(**THINKING)).content[0]
    assert shown.type == "thinking"
    assert shown.thinking == "r"
    assert shown.signature


def test_thinking_may_be_shown_without_its_text() -> None:
    given = body(thinking={"type": "adaptive", "display": "omitted"})
    block = final([*reasoning("r"), *text("a")], given)["content"][0]
    assert (block["type"], block["thinking"]) == ("thinking", "")


def test_hidden_thinking_leaves_no_seam_in_the_text() -> None:
    blocks = final([*text("a"), *reasoning("r"), *text("b")])["content"]
    assert [block["text"] for block in blocks] == ["ab"]


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


@pytest.mark.parametrize(
    ("finish_reason", "stop_reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal")],
)
def test_finish_reasons_are_said_in_anthropics_words(finish_reason: str, stop_reason: str) -> None:
    assert final([*text("a"), *finish(finish_reason)])["stop_reason"] == stop_reason


def test_a_refusal_is_text_with_its_own_stop_reason() -> None:
    message = final([Delta(refusal="no"), *finish()])
    assert message["content"][0]["text"] == "no"
    assert message["stop_reason"] == "refusal"


def test_a_stop_sequence_is_named_where_the_engine_tells() -> None:
    deltas = [*text("a"), Delta(finish_reason="stop", stop_sequence="END")]
    message = final(deltas, body(stop_sequences=["END"]))
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")
    assert final(deltas)["stop_reason"] == "end_turn"


@pytest.mark.parametrize(
    ("band", "shown"),
    [(Band.INTERACTIVE, "standard"), (Band.DEADLINE, "standard"), (Band.BULK, "batch")],
)
def test_the_service_tier_is_in_anthropics_words(band: Band, shown: str) -> None:
    call = call_of(DIALECT, body(), band=band)
    message: dict[str, Any] = DIALECT.final(call, outcome_of(text("a")))
    assert message["usage"]["service_tier"] == shown


def test_our_own_fields_are_under_one_key_and_absent_where_empty() -> None:
    assert "forebay" not in final(text("a"))
    assert final(text("a"), extension={"window": "asap"})["forebay"] == {"window": "asap"}


def test_a_cut_message_says_so() -> None:
    message = final([*text("a"), *finish("length")], status=RequestStatus.INCOMPLETE)
    assert message["stop_reason"] == "max_tokens"


def test_the_blocks_of_an_answer_are_good_input() -> None:
    deltas = [*reasoning("r"), *text("a"), *tool_call(0, "t1", "f", '{"a":1}')]
    content = final(deltas, body(**THINKING))["content"]
    said = messages({"role": "assistant", "content": content}, user(RESULT))[0]
    assert said["content"] == answer_of(deltas).text
    assert said["reasoning_content"] == "r"


def test_errors_are_in_anthropics_words() -> None:
    reply = DIALECT.error(UnknownModel("m"), request_id="req_1")
    assert (reply.status, reply.body["type"]) == (404, "error")
