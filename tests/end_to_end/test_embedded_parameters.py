"""Chat Completions with the embedded engine: its parameters really change the answer."""

from __future__ import annotations

import json
from typing import Any, Final

import openai
import pytest
from openai.types.chat import ChatCompletion

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

MODEL: Final = "smollm2"
# Tokens of this model.
PARIS: Final = "7042"
THE: Final = "504"

COLOUR: Final[Any] = {
    "type": "object",
    "properties": {
        "colour": {"enum": ["red", "blue"]},
        "coats": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["colour", "coats"],
    "additionalProperties": False,
}
PAINT: Final[Any] = {
    "type": "function",
    "function": {"name": "paint", "description": "Paints a wall.", "parameters": COLOUR},
}
WASH: Final[Any] = {
    "type": "function",
    "function": {
        "name": "wash",
        "parameters": {
            "type": "object",
            "properties": {"soap": {"type": "boolean"}},
            "required": ["soap"],
        },
    },
}


def said(client: openai.OpenAI, prompt: str = "Name a colour.", **others: Any) -> ChatCompletion:
    """Return what is said to this, briefly and without chance unless told otherwise."""
    completion: ChatCompletion = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": prompt}],
        **{"temperature": 0, "max_tokens": 8, **others},
    )
    return completion


def text(client: openai.OpenAI, prompt: str = "Name a colour.", **others: Any) -> str:
    return said(client, prompt, **others).choices[0].message.content or ""


def calls(completion: ChatCompletion) -> list[tuple[str, Any]]:
    """Return the names and the arguments of the functions that are called."""
    return [
        (call.function.name, json.loads(call.function.arguments))
        for call in completion.choices[0].message.tool_calls or []
        if call.type == "function"
    ]


def prompt_tokens(completion: ChatCompletion) -> int:
    assert completion.usage is not None
    return completion.usage.prompt_tokens


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_answer_is_as_long_as_it_may_be(client: openai.OpenAI, name: str) -> None:
    for tokens in (1, 5):
        # Of both, the newer one counts.
        given: Any = {"max_tokens": 7, name: tokens}
        completion = said(client, **given)
        assert completion.usage is not None
        assert completion.usage.completion_tokens == tokens
        assert completion.choices[0].finish_reason == "length"


def test_an_equal_seed_gives_an_equal_answer_and_another_one_another(
    client: openai.OpenAI,
) -> None:
    wild = [text(client, temperature=1.5, seed=seed) for seed in (5, 5, 6)]
    assert wild[0] == wild[1] != wild[2]
    assert text(client) == text(client) != wild[0]


@pytest.mark.parametrize("narrow", [{"top_p": 0.01}, {"extra_body": {"top_k": 1}}])
def test_what_leaves_one_token_to_draw_leaves_nothing_to_chance(
    client: openai.OpenAI, narrow: dict[str, Any]
) -> None:
    assert text(client, temperature=1.5, seed=5, **narrow) == text(client)


def test_a_stop_ends_the_answer_before_it(client: openai.OpenAI) -> None:
    whole = text(client)
    word = whole.split()[2]
    stopped = said(client, stop=["not said", word]).choices[0]
    assert stopped.message.content == whole[: whole.index(word)]
    assert stopped.finish_reason == "stop"


def test_a_bias_forces_a_token_or_keeps_it_away(client: openai.OpenAI) -> None:
    assert text(client, logit_bias={PARIS: 100}, max_tokens=3).split() == ["Paris"] * 3
    assert text(client).startswith("The ")
    assert not text(client, logit_bias={THE: -100}).startswith("The ")


def test_each_token_has_its_logprob_and_the_likeliest_as_many_as_wanted(
    client: openai.OpenAI,
) -> None:
    for wanted, shown in ((None, 0), (0, 0), (3, 3)):
        choice = said(client, logprobs=True, top_logprobs=wanted).choices[0]
        assert choice.logprobs is not None and choice.logprobs.content is not None
        tokens = choice.logprobs.content
        assert "".join(token.token for token in tokens) == choice.message.content
        assert [len(token.top_logprobs) for token in tokens] == [shown] * 8
        for token in tokens:
            assert token.logprob < 0
            # Without chance the likeliest is drawn.
            assert not shown or token.top_logprobs[0].token == token.token
            logprobs = [top.logprob for top in token.top_logprobs]
            assert logprobs == sorted(logprobs, reverse=True)


def test_several_choices_are_drawn_apart_and_counted_together(client: openai.OpenAI) -> None:
    both = said(client, n=2, temperature=1.5, seed=5)
    alone = [said(client, temperature=1.5, seed=seed) for seed in (5, 6)]
    assert [choice.message.content for choice in both.choices] == [
        one.choices[0].message.content for one in alone
    ]
    assert both.usage is not None
    assert both.usage.completion_tokens == 16
    assert both.usage.prompt_tokens == prompt_tokens(alone[0])


def test_an_answer_has_the_shape_of_its_schema(client: openai.OpenAI) -> None:
    schema = {"name": "order", "strict": True, "schema": COLOUR}
    shape: Any = {"type": "json_schema", "json_schema": schema}
    order = json.loads(text(client, response_format=shape, max_tokens=80))
    assert order.keys() == {"colour", "coats"}
    assert order["colour"] in ("red", "blue") and 1 <= order["coats"] <= 9


def test_an_answer_is_an_object_where_one_is_wanted(client: openai.OpenAI) -> None:
    shaped = text(client, response_format={"type": "json_object"}, max_tokens=12)
    assert shaped.startswith("{")
    assert not text(client).startswith("{")


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("required", {"paint", "wash"}),
        ({"type": "function", "function": {"name": "wash"}}, {"wash"}),
    ],
)
def test_a_demanded_call_is_made_with_arguments_that_fit(
    client: openai.OpenAI, choice: Any, called: set[str]
) -> None:
    completion = said(
        client,
        tools=[PAINT, WASH],
        tool_choice=choice,
        parallel_tool_calls=False,
        max_tokens=120,
    )
    ((name, arguments),) = calls(completion)
    assert name in called
    if name == "wash":
        assert type(arguments["soap"]) is bool
    else:
        assert arguments["colour"] in ("red", "blue") and 1 <= arguments["coats"] <= 9
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.choices[0].message.content is None


def test_no_call_is_made_where_none_may_be(client: openai.OpenAI) -> None:
    plain = said(client)
    silent = said(client, tools=[PAINT], tool_choice="none")
    assert silent.choices[0].message == plain.choices[0].message
    assert prompt_tokens(silent) == prompt_tokens(plain)


def test_a_model_that_may_call_is_told_of_the_tools(client: openai.OpenAI) -> None:
    offered = said(client, tools=[PAINT], tool_choice="auto", max_tokens=120)
    assert prompt_tokens(offered) > prompt_tokens(said(client)) + 20
    assert offered.choices[0].message.tool_calls or offered.choices[0].message.content


@pytest.mark.parametrize("name", ["presence_penalty", "frequency_penalty"])
def test_a_penalty_keeps_a_model_from_saying_the_same_again(
    client: openai.OpenAI, name: str
) -> None:
    question = "Count: one, two, one, two, one, two"
    plain, penalised = (text(client, question, max_tokens=24, **more) for more in ({}, {name: 2.0}))
    assert penalised.lower().count("one") < plain.lower().count("one")


@pytest.mark.parametrize("wanted", [{}, {"stream_options": {"include_usage": True}}])
def test_a_stream_ends_with_the_usage_where_it_is_wanted(
    client: openai.OpenAI, wanted: dict[str, Any]
) -> None:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Name a colour."}],
        max_tokens=4,
        stream=True,
        **wanted,
    )
    told = [chunk.usage for chunk in stream if chunk.usage is not None]
    assert [usage.completion_tokens for usage in told] == ([4] if wanted else [])
