"""Responses, Messages and Completions with the embedded engine: what they alone have works, too."""

from __future__ import annotations

import json
from typing import Any, Final

import anthropic
import openai
import pytest
from anthropic.types import Message
from openai.types.responses import Response

from tests.end_to_end.test_embedded_parameters import COLOUR

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

MODEL: Final = "smollm2"
PROMPT: Final = "Name a colour."
PAINT: Final[Any] = {"type": "function", "name": "paint", "parameters": COLOUR, "strict": True}
WASH: Final[Any] = {"type": "function", "name": "wash", "parameters": {}, "strict": False}
CLAUDES_PAINT: Final[Any] = {"name": "paint", "input_schema": COLOUR}


def response(client: openai.OpenAI, **others: Any) -> Response:
    """Return a response, brief and without chance unless told otherwise."""
    made: Response = client.responses.create(
        **{"model": MODEL, "input": PROMPT, "temperature": 0, "max_output_tokens": 16, **others}
    )
    return made


def message(claude: anthropic.Anthropic, **others: Any) -> Message:
    """Return a message, brief and without chance unless told otherwise."""
    body = {"temperature": 0, **others.pop("extra_body", {})}
    made: Message = claude.messages.create(
        **{
            "model": MODEL,
            "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": 8,
            "extra_body": body,
            **others,
        }
    )
    return made


def words(claude: anthropic.Anthropic, **others: Any) -> str:
    return "".join(
        block.text for block in message(claude, **others).content if block.type == "text"
    )


def input_tokens(made: Response) -> int:
    assert made.usage is not None
    return made.usage.input_tokens


def test_a_response_that_may_not_be_longer_is_incomplete(client: openai.OpenAI) -> None:
    cut = response(client, max_output_tokens=3)
    assert cut.status == "incomplete"
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"
    assert cut.usage is not None and cut.usage.output_tokens == 3


def test_a_responses_text_has_the_shape_of_its_schema(client: openai.OpenAI) -> None:
    shape: Any = {"format": {"type": "json_schema", "name": "order", "schema": COLOUR}}
    made = response(client, text=shape, max_output_tokens=80)
    assert made.status == "completed"
    order = json.loads(made.output_text)
    assert order["colour"] in ("red", "blue") and 1 <= order["coats"] <= 9


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "name": "paint"},
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "paint"}],
        },
    ],
)
def test_a_response_calls_the_tool_that_it_must(client: openai.OpenAI, choice: Any) -> None:
    made = response(
        client,
        tools=[WASH, PAINT],
        tool_choice=choice,
        parallel_tool_calls=False,
        max_output_tokens=120,
    )
    (call,) = made.output
    assert call.type == "function_call" and call.name == "paint"
    assert json.loads(call.arguments)["colour"] in ("red", "blue")


def test_a_response_may_be_kept_from_calling(client: openai.OpenAI) -> None:
    silent = response(client, tools=[PAINT], tool_choice="none")
    assert silent.output_text == response(client).output_text


def test_the_logprobs_of_a_response_have_the_likeliest_that_are_wanted(
    client: openai.OpenAI,
) -> None:
    for wanted in (0, 2):
        made = response(client, include=["message.output_text.logprobs"], top_logprobs=wanted)
        (item,) = made.output
        assert item.type == "message" and item.content[0].type == "output_text"
        told = item.content[0].logprobs
        assert told is not None and "".join(token.token for token in told) == made.output_text
        assert {len(token.top_logprobs) for token in told} == {wanted}


def test_what_a_response_continues_and_is_instructed_is_in_its_prompt(
    client: openai.OpenAI,
) -> None:
    first = response(client, input="My name is Ada and I live in a lighthouse.")
    alone, after = (
        response(client, **before) for before in ({}, {"previous_response_id": first.id})
    )
    assert first.usage is not None
    assert input_tokens(after) > input_tokens(alone) + first.usage.output_tokens
    assert input_tokens(response(client, instructions="Answer as a pirate would.")) != (
        input_tokens(alone)
    )


def test_a_message_that_may_not_be_longer_says_so(claude: anthropic.Anthropic) -> None:
    cut = message(claude, max_tokens=3)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 3)


def test_a_stop_sequence_ends_a_message_and_is_named(claude: anthropic.Anthropic) -> None:
    whole = words(claude)
    word = whole.split()[2]
    stopped = message(claude, stop_sequences=["not said", word])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", word)
    assert stopped.content[0].type == "text"
    assert stopped.content[0].text == whole[: whole.index(word)]


def test_one_token_to_draw_from_leaves_nothing_to_chance(claude: anthropic.Anthropic) -> None:
    assert words(claude, extra_body={"temperature": 1.0, "top_k": 1}) == words(claude)


def test_a_message_goes_on_with_what_it_is_begun_with(claude: anthropic.Anthropic) -> None:
    question = {"role": "user", "content": "Count from one to ten in words, separated by commas."}
    begun = {"role": "assistant", "content": "One, two, three, four, five, six,"}
    assert words(claude, messages=[question, begun]).startswith(" seven")


def test_a_message_has_the_shape_of_its_schema(claude: anthropic.Anthropic) -> None:
    shape = {"format": {"type": "json_schema", "schema": COLOUR}}
    order = json.loads(words(claude, output_config=shape, max_tokens=80))
    assert order["colour"] in ("red", "blue") and 1 <= order["coats"] <= 9


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "paint"}])
def test_a_message_uses_the_tool_that_it_must(
    claude: anthropic.Anthropic, choice: dict[str, Any]
) -> None:
    used = message(
        claude,
        tools=[CLAUDES_PAINT],
        tool_choice={**choice, "disable_parallel_tool_use": True},
        max_tokens=120,
    )
    (block,) = used.content
    assert block.type == "tool_use" and block.name == "paint"
    assert block.input["colour"] in ("red", "blue")
    assert used.stop_reason == "tool_use"


def test_a_message_may_be_kept_from_using_tools(claude: anthropic.Anthropic) -> None:
    tools, none = [CLAUDES_PAINT], {"type": "none"}
    assert words(claude, tools=tools, tool_choice=none) == words(claude)


def test_a_message_that_may_use_a_tool_is_told_of_it(claude: anthropic.Anthropic) -> None:
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}
    plain = claude.messages.count_tokens(**asked)
    told = claude.messages.count_tokens(
        **asked, tools=[CLAUDES_PAINT], tool_choice={"type": "auto"}
    )
    assert told.input_tokens > plain.input_tokens + 20


def test_a_completion_is_penalised_and_drawn_by_its_seed(client: openai.OpenAI) -> None:
    def completed(**others: Any) -> str:
        made: openai.types.Completion = client.completions.create(
            **{"model": MODEL, "prompt": "one, two, one, two,", "max_tokens": 12, **others}
        )
        return made.choices[0].text

    plain = completed(temperature=0)
    assert completed(temperature=0, frequency_penalty=2.0) != plain
    assert completed(temperature=1.5, seed=1) == completed(temperature=1.5, seed=1)
    assert completed(temperature=1.5, seed=1) != completed(temperature=1.5, seed=2)
    assert completed(temperature=1.5, seed=1, top_p=0.01) == plain
