"""Messages: the fields of the body as a turn and wishes, and the bodies that are refused."""

from __future__ import annotations

import pytest

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
    UnknownModel,
    UnsupportedParameter,
)
from forebay.dialects.turn import JsonObject
from tests.dialects.messages_calls import DIALECT, RESULT, TOOL, assistant, body, user


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


@pytest.mark.parametrize(
    ("thinking", "is_enabled"),
    [({"type": "enabled", "budget_tokens": 9}, True), ({"type": "disabled"}, False)],
)
def test_a_wish_to_think_or_not_is_told_to_the_chat_template(
    thinking: JsonObject, is_enabled: bool
) -> None:
    turn, _ = DIALECT.parse(body(thinking=thinking))
    assert turn.extra == {"chat_template_kwargs": {"enable_thinking": is_enabled}}


@pytest.mark.parametrize("kind", ["adaptive", "between_tools"])
def test_whoever_leaves_thinking_to_the_model_leaves_it_to_the_template(kind: str) -> None:
    assert DIALECT.parse(body(thinking={"type": kind}))[0].extra == {}


@pytest.mark.parametrize("content", ["Once", [{"type": "text", "text": "Once"}]])
def test_the_beginning_of_an_answer_is_continued_and_not_thought_about(content: object) -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": content}]
    turn, _ = DIALECT.parse(body(messages=messages))
    assert turn.messages[-1] == {"role": "assistant", "content": "Once"}
    assert turn.extra == {
        "continue_final_message": True,
        "add_generation_prompt": False,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_thinking_that_is_asked_for_stays_on_beside_the_beginning_of_an_answer() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Once"}]
    turn, _ = DIALECT.parse(body(messages=messages, thinking={"type": "enabled"}))
    assert turn.extra["chat_template_kwargs"] == {"enable_thinking": True}


@pytest.mark.parametrize(
    "last",
    [
        {"role": "assistant", "content": ""},
        assistant({"type": "thinking", "thinking": "r", "signature": "s"}),
        assistant({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}),
    ],
)
def test_an_answer_that_begins_with_nothing_begins_anew(last: JsonObject) -> None:
    turn, _ = DIALECT.parse(body(messages=[{"role": "user", "content": "hi"}, last]))
    assert (turn.messages, turn.extra) == ([{"role": "user", "content": "hi"}], {})


def test_a_last_message_that_calls_a_tool_is_no_beginning() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    turn, _ = DIALECT.parse(body(messages=[assistant({"type": "text", "text": "a"}, use)]))
    assert turn.extra == {}


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
            body(messages=[user({"type": "container_upload", "file_id": "f"})]),
            UnsupportedParameter,
            "messages[0].content[0].type",
        ),
        (
            body(messages=[user({"type": "image", "source": {"type": "file"}})]),
            UnsupportedParameter,
            "messages[0].content[0].source.type",
        ),
        (
            body(messages=[assistant({"type": "image"})]),
            UnsupportedParameter,
            "messages[0].content[0].type",
        ),
        (
            body(messages=[user(RESULT)]),
            InvalidParameter,
            "messages[0].content[0].tool_use_id",
        ),
        (
            body(tools=[{"type": "computer_20250124", "name": "computer"}]),
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
        (body(thinking={"type": "sometimes"}), InvalidParameter, "thinking.type"),
        (
            body(thinking={"type": "enabled", "budget_tokens": "many"}),
            InvalidType,
            "thinking.budget_tokens",
        ),
        (
            body(thinking={"type": "enabled", "display": "loud"}),
            InvalidParameter,
            "thinking.display",
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


def test_errors_are_in_anthropics_words() -> None:
    reply = DIALECT.error(UnknownModel("m"), request_id="req_1")
    assert (reply.status, reply.body["type"]) == (404, "error")
