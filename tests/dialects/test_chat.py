"""Chat Completions, as the official SDK sees them."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
    UnsupportedParameter,
)
from forebay.core.requests import RequestStatus
from forebay.dialects.chat import ChatDialect
from forebay.dialects.dialect import Outcome
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import (
    ID_BODY,
    call_of,
    events,
    finish,
    outcome_of,
    reasoning,
    streamed,
    text,
    tool_call,
)
from tests.dialects.sdks import openai_reading

DIALECT = ChatDialect()
TOOL: JsonObject = {"type": "function", "function": {"name": "f", "parameters": {}}}
CHOICE: JsonObject = {"type": "function", "function": {"name": "f"}}
TOKEN: JsonObject = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}


def body(**others: object) -> JsonObject:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **others}


def final(deltas: list[Delta], given: JsonObject | None = None, **others: Any) -> JsonObject:
    return DIALECT.final(call_of(DIALECT, given or body()), outcome_of(deltas, **others))


def completion(deltas: list[Delta]) -> ChatCompletion:
    with openai_reading(final(deltas)) as client:
        return client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )


def chunks(deltas: list[Delta], given: JsonObject | None = None) -> list[dict[str, Any]]:
    return events(streamed(DIALECT, call_of(DIALECT, given or body(stream=True)), deltas))


def refusal_of(given: JsonObject) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        DIALECT.parse(given)
    return caught.value


def test_a_body_becomes_a_turn() -> None:
    turn, wishes = DIALECT.parse(
        body(
            temperature=0.5,
            seed=None,
            stop=["x"],
            max_tokens=9,
            tools=[TOOL],
            tool_choice="auto",
            parallel_tool_calls=False,
            response_format={"type": "json_object"},
            stream=True,
            service_tier="flex",
            metadata={"a": "b"},
        )
    )
    assert turn.messages == [{"role": "user", "content": "hi"}]
    assert turn.sampling == {"temperature": 0.5, "stop": ["x"]}
    assert turn.max_output_tokens == 9
    assert (turn.tools, turn.tool_choice, turn.parallel_tool_calls) == ([TOOL], "auto", False)
    assert turn.response_format == {"type": "json_object"}
    assert (wishes.is_streamed, wishes.service_tier) == (True, "flex")
    assert wishes.metadata == {"a": "b"}


@pytest.mark.parametrize("choice", ["none", "auto", "required", CHOICE])
def test_a_tool_choice_is_passed_on(choice: object) -> None:
    assert DIALECT.parse(body(tools=[TOOL], tool_choice=choice))[0].tool_choice == choice


@pytest.mark.parametrize("choice", ["none", "auto"])
def test_a_tool_choice_that_demands_no_call_needs_no_tools(choice: str) -> None:
    assert DIALECT.parse(body(tool_choice=choice))[0].tools == []


def test_the_newer_name_of_the_token_cap_wins() -> None:
    turn, _ = DIALECT.parse(body(max_tokens=9, max_completion_tokens=5))
    assert turn.max_output_tokens == 5


def test_fields_that_only_the_engine_knows_are_passed_on() -> None:
    turn, _ = DIALECT.parse(body(top_k=4, user="u", prompt_cache_options={"ttl": "30m"}))
    assert turn.extra == {"top_k": 4}


@pytest.mark.parametrize(
    ("given", "kind", "param"),
    [
        ({"messages": [{"role": "user"}]}, MissingParameter, "model"),
        ({"model": "m"}, MissingParameter, "messages"),
        (body(messages=[]), InvalidParameter, "messages"),
        (body(messages=[{"content": "hi"}]), MissingParameter, "messages[0].role"),
        (body(messages=[{"role": "boss"}]), InvalidParameter, "messages[0].role"),
        (body(messages=[{"role": "user", "content": 4}]), InvalidType, "messages[0].content"),
        (body(temperature="hot"), InvalidType, "temperature"),
        (body(temperature=3), InvalidParameter, "temperature"),
        (body(max_tokens=0), InvalidParameter, "max_tokens"),
        (body(n=0), InvalidParameter, "n"),
        (body(n=129), InvalidParameter, "n"),
        (body(stream_options={}), InvalidParameter, "stream_options"),
        (body(top_logprobs=2), InvalidParameter, "top_logprobs"),
        (body(tools=[{"type": "custom"}]), InvalidParameter, "tools[0]"),
        (body(tool_choice="required"), InvalidParameter, "tool_choice"),
        (body(tool_choice=CHOICE), InvalidParameter, "tool_choice"),
        (body(tools=[TOOL], tool_choice="sometimes"), InvalidParameter, "tool_choice"),
        (
            body(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "g"}}),
            InvalidParameter,
            "tool_choice",
        ),
        (
            body(tools=[TOOL], tool_choice={"type": "function"}),
            MissingParameter,
            "tool_choice.function",
        ),
        (
            body(tools=[TOOL], tool_choice={"type": "allowed_tools", "allowed_tools": {}}),
            MissingParameter,
            "tool_choice.allowed_tools.mode",
        ),
        (
            body(tools=[TOOL], tool_choice={"type": "custom", "custom": {"name": "f"}}),
            UnsupportedParameter,
            "tool_choice.type",
        ),
        (body(response_format={"type": "xml"}), InvalidParameter, "response_format.type"),
        (
            body(response_format={"type": "json_schema"}),
            MissingParameter,
            "response_format.json_schema",
        ),
        (body(metadata={"tags": ["a"]}), InvalidType, "metadata.tags"),
        (body(metadata={"a": "x" * 513}), InvalidParameter, "metadata.a"),
        (body(metadata={"x" * 65: "a"}), InvalidParameter, "metadata"),
        (body(metadata={str(n): "a" for n in range(17)}), InvalidParameter, "metadata"),
        (body(metadata="a"), InvalidType, "metadata"),
    ],
)
def test_a_bad_body_is_refused_with_the_name_of_the_field(
    given: JsonObject, kind: type[RequestRejected], param: str
) -> None:
    error = refusal_of(given)
    assert type(error) is kind
    assert error.param == param


def test_the_sdk_reads_a_completion() -> None:
    answer = completion([*reasoning("hm"), *text("Hel", "lo"), *finish()])
    assert answer.id == f"chatcmpl-{ID_BODY}"
    assert answer.choices[0].message.content == "Hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 32


def test_the_sdk_reads_tool_calls() -> None:
    answer = completion([*tool_call(0, "c1", "f", "{", "}"), *finish("tool_calls")])
    message = answer.choices[0].message
    assert message.content is None
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.type == "function"
    assert (call.id, call.function.name, call.function.arguments) == ("c1", "f", "{}")


def test_the_sdk_reads_logprobs() -> None:
    answer = completion([Delta(text="a", logprobs=(TOKEN,)), *finish()])
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content is not None
    assert answer.choices[0].logprobs.content[0].logprob == -0.5


def test_our_own_fields_are_under_one_key_and_absent_where_empty() -> None:
    assert "forebay" not in final(text("a"))
    shown = final(text("a"), extension={"window": "asap"})
    assert shown["forebay"] == {"window": "asap"}


def test_the_sdk_reads_a_stream_to_the_same_answer() -> None:
    deltas = [*text("Hel", "lo"), *tool_call(0, "c1", "f", "{", "}"), *finish("tool_calls")]
    stream = streamed(
        DIALECT, call_of(DIALECT, body(stream=True, stream_options={"include_usage": True})), deltas
    )
    with (
        openai_reading(stream) as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "hi"}]
        ) as read,
    ):
        answer = read.get_final_completion()
    choice = answer.choices[0]
    assert choice.message.content == "Hello"
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    assert choice.message.tool_calls[0].function.arguments == "{}"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


def test_a_stream_begins_with_the_role_and_ends_with_done() -> None:
    stream = streamed(DIALECT, call_of(DIALECT, body(stream=True)), text("a"))
    assert events(stream)[0]["choices"][0]["delta"]["role"] == "assistant"
    assert stream.endswith(b"\n\ndata: [DONE]\n\n")


def test_all_chunks_of_a_stream_have_the_same_head() -> None:
    heads = {(chunk["id"], chunk["created"], chunk["object"]) for chunk in chunks(text("a", "b"))}
    assert heads == {(f"chatcmpl-{ID_BODY}", 1_760_000_000, "chat.completion.chunk")}


def test_usage_is_streamed_only_when_asked_for() -> None:
    assert all("usage" not in chunk for chunk in chunks([*text("a"), *finish()]))
    asked = body(stream=True, stream_options={"include_usage": True})
    *earlier, last = chunks([*text("a"), *finish()], asked)
    assert all(chunk["usage"] is None for chunk in earlier)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 12


def test_reasoning_and_refusals_are_streamed_in_fields_of_their_own() -> None:
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks([*reasoning("r"), *text("t")])]
    assert deltas[1] == {"reasoning_content": "r"}
    assert deltas[2] == {"content": "t"}
    refused = chunks([Delta(refusal="no")])
    assert refused[1]["choices"][0]["delta"] == {"refusal": "no"}


def test_deltas_that_show_nothing_write_nothing() -> None:
    assert DIALECT.writer(call_of(DIALECT, body())).write(finish()) == b""


def test_a_stream_says_nothing_of_its_own_where_there_is_nothing() -> None:
    assert all("forebay" not in chunk for chunk in chunks(text("a")))


def test_a_stream_that_fails_ends_with_an_error_that_the_sdk_raises() -> None:
    call = call_of(DIALECT, body(stream=True))
    failed = Outcome(status=RequestStatus.FAILED, error=EngineFailed("the engine broke"))
    with (
        openai_reading(streamed(DIALECT, call, text("a"), failed)) as client,
        pytest.raises(openai.APIError, match="the engine broke"),
    ):
        list(
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}], stream=True
            )
        )


def test_developers_instructions_are_the_systems() -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    turn, _ = DIALECT.parse(body(messages=messages))
    assert [message["role"] for message in turn.messages] == ["system", "user"]


def test_several_choices_are_wanted_of_the_turn() -> None:
    assert DIALECT.parse(body(n=3))[0].choices == 3
    assert DIALECT.parse(body(n=None))[0].choices == 1
