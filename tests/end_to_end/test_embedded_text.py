"""Plain completions and token counts with the embedded engine, through the official SDKs."""

from __future__ import annotations

from typing import Any, Final

import anthropic
import openai
import pytest
from anthropic.types import ToolParam

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

MODEL: Final = "smollm2"
PROMPT: Final = "The capital of France is"
TOKENS: Final = [504, 3575, 282, 4649, 314]  # the same for this model
TOOL: Final[ToolParam] = {
    "name": "look_up",
    "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
}


def completed(
    client: openai.OpenAI, prompt: Any = PROMPT, **others: Any
) -> openai.types.Completion:
    completion: openai.types.Completion = client.completions.create(
        model=MODEL, prompt=prompt, temperature=0, max_tokens=4, **others
    )
    return completion


def test_a_text_is_completed_and_echoed_where_wanted(client: openai.OpenAI) -> None:
    plain, echoed = completed(client), completed(client, echo=True)
    assert plain.usage is not None
    assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (len(TOKENS), 4)
    assert plain.choices[0].finish_reason == "length"
    assert plain.choices[0].text
    assert echoed.choices[0].text == PROMPT + plain.choices[0].text


def test_tokens_are_completed_like_their_text(client: openai.OpenAI) -> None:
    assert completed(client, TOKENS).choices[0].text == completed(client).choices[0].text


def test_prompts_and_choices_are_answered_in_their_order(client: openai.OpenAI) -> None:
    other = "One, two, three,"
    several = completed(client, [PROMPT, other], n=2)
    texts = [choice.text for choice in several.choices]
    alone = [completed(client, prompt) for prompt in (PROMPT, other)]
    assert texts == [one.choices[0].text for one in alone for _ in range(2)]
    assert several.usage is not None
    assert several.usage.prompt_tokens == sum(one.usage.prompt_tokens for one in alone if one.usage)
    assert several.usage.completion_tokens == 16


@pytest.mark.parametrize("wanted", [0, 2])
def test_logprobs_are_told_in_the_apis_own_shape(client: openai.OpenAI, wanted: int) -> None:
    (choice,) = completed(client, logprobs=wanted).choices
    told = choice.logprobs
    assert told is not None and told.tokens and told.top_logprobs and told.token_logprobs
    assert "".join(told.tokens) == choice.text
    assert told.text_offset == [len("".join(told.tokens[:i])) for i in range(len(told.tokens))]
    # The likeliest token is the one that is drawn at this temperature.
    assert [len(likeliest) for likeliest in told.top_logprobs] == [max(1, wanted)] * 4
    assert [max(top.values()) for top in told.top_logprobs] == told.token_logprobs


@pytest.mark.parametrize(
    ("others", "param"),
    [
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"echo": True, "prompt": TOKENS}, "echo"),
        ({"suffix": " and it is large."}, "suffix"),
    ],
)
def test_what_llama_cpp_would_ignore_is_refused_by_name(
    client: openai.OpenAI, others: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        completed(client, **others)
    assert caught.value.param == param


def test_a_streamed_completion_is_the_same_text(client: openai.OpenAI) -> None:
    # Strict mode minds a null `finish_reason`, which every chunk but the last has.
    lenient = client.copy(_extra_kwargs={"_strict_response_validation": False})
    stream = lenient.completions.create(
        model=MODEL,
        prompt=PROMPT,
        temperature=0,
        max_tokens=4,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert text == completed(client).choices[0].text
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 4
    assert sum(len(chunk.choices) for chunk in chunks) > 2


def test_a_stop_ends_the_text_before_it(client: openai.OpenAI) -> None:
    text = completed(client).choices[0].text
    stopped = completed(client, stop=text[2:]).choices[0]
    assert (stopped.text, stopped.finish_reason) == (text[:2], "stop")


def test_a_bias_keeps_a_token_away(client: openai.OpenAI) -> None:
    told = completed(client, logprobs=1).choices[0].logprobs
    assert told is not None and told.tokens is not None
    paris = 7042  # for this model
    assert told.tokens[0] == " Paris"
    biased = completed(client, logit_bias={str(paris): -100}).choices[0].text
    assert not biased.startswith(" Paris")


def test_a_response_has_as_many_input_tokens_as_were_counted(client: openai.OpenAI) -> None:
    told: dict[str, Any] = {
        "model": MODEL,
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "Grüße, 世界! <|im_end|> 😀"}],
    }
    counted = client.responses.input_tokens.count(**told)
    response = client.responses.create(**told, max_output_tokens=16)
    assert response.usage is not None
    assert counted.input_tokens == response.usage.input_tokens

    more = {"previous_response_id": response.id, "input": "And?"}
    counted = client.responses.input_tokens.count(model=MODEL, **more)
    followed = client.responses.create(model=MODEL, max_output_tokens=16, **more)
    assert followed.usage is not None
    assert counted.input_tokens == followed.usage.input_tokens


def test_a_message_has_as_many_input_tokens_as_were_counted(claude: anthropic.Anthropic) -> None:
    told: dict[str, Any] = {
        "model": MODEL,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "What does 'forebay' mean?"}],
        "tools": [TOOL],
    }
    counted = claude.messages.count_tokens(**told)
    without_tools = claude.messages.count_tokens(**{**told, "tools": []})
    message = claude.messages.create(**told, max_tokens=8)
    assert counted.input_tokens == (
        message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0)
    )
    assert counted.input_tokens > without_tools.input_tokens
