"""The `text_completion` object and its chunks, as the vendor's client reads them."""

from __future__ import annotations

from typing import Any

from openai.types import Completion

from forebay.core.engine_errors import EngineUnavailable
from forebay.core.requests import RequestStatus
from forebay.dialects.completions import CompletionsDialect
from forebay.dialects.dialect import Outcome
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import (
    ID_BODY,
    USAGE,
    call_of,
    events,
    finish,
    outcome_of,
    streamed,
    text,
)
from tests.dialects.sdks import openai_reading

DIALECT = CompletionsDialect()


def body(**others: object) -> JsonObject:
    return {"model": "m", "prompt": "Once", **others}


def final(deltas: list[Delta], given: JsonObject | None = None, **others: Any) -> JsonObject:
    return DIALECT.final(call_of(DIALECT, given or body()), outcome_of(deltas, **others))


def completion(deltas: list[Delta], given: JsonObject | None = None) -> Completion:
    with openai_reading(final(deltas, given)) as client:
        return client.completions.create(model="m", prompt="Once")


def chunks(deltas: list[Delta], given: JsonObject | None = None) -> list[dict[str, Any]]:
    return events(streamed(DIALECT, call_of(DIALECT, given or body(stream=True)), deltas))


def texts(found: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(chunk["choices"][0]["index"], chunk["choices"][0]["text"]) for chunk in found]


def logprobs(*tokens: str, at: int = 0, choice: int = 0) -> Delta:
    """Return a delta of these tokens, two likely ones told for each."""
    told: JsonObject = {
        "tokens": list(tokens),
        "token_logprobs": [-2.5] * len(tokens),
        "top_logprobs": [{"b": -1.5, token: -2.5, "a": -0.5} for token in tokens],
        "text_offset": [at + index for index in range(len(tokens))],
    }
    return Delta(choice=choice, text="".join(tokens), text_logprobs=told)


def test_an_answer_becomes_a_completion() -> None:
    found = completion([*text("upon", " a"), *finish("length")])
    assert (found.id, found.object, found.model) == (f"cmpl-{ID_BODY}", "text_completion", "m")
    assert found.created == 1_760_000_000
    (choice,) = found.choices
    assert (choice.text, choice.index, choice.finish_reason) == ("upon a", 0, "length")
    assert choice.logprobs is None
    assert found.usage is not None
    assert found.usage.prompt_tokens == USAGE.input_tokens
    assert found.usage.total_tokens == USAGE.input_tokens + USAGE.output_tokens


def test_choices_are_numbered_over_prompts_and_n() -> None:
    deltas = [Delta(choice=index, text=str(index), finish_reason="stop") for index in range(4)]
    found = completion(deltas, body(prompt=["a", "b"], n=2))
    assert [(choice.index, choice.text) for choice in found.choices] == [
        (0, "0"),
        (1, "1"),
        (2, "2"),
        (3, "3"),
    ]


def test_a_reason_that_the_api_does_not_know_is_an_ordinary_stop() -> None:
    assert completion(finish("abort")).choices[0].finish_reason == "stop"
    assert completion(finish("content_filter")).choices[0].finish_reason == "content_filter"


def test_what_is_forebays_own_is_under_its_key() -> None:
    assert final(finish(), extension={"window": "asap"})["forebay"] == {"window": "asap"}
    assert "forebay" not in final(finish())


def test_the_logprobs_of_all_chunks_are_one_object() -> None:
    found = completion([logprobs("x", "y"), logprobs("z", at=2), *finish()], body(logprobs=2))
    told = found.choices[0].logprobs
    assert told is not None
    assert told.tokens == ["x", "y", "z"]
    assert told.token_logprobs == [-2.5, -2.5, -2.5]
    assert told.text_offset == [0, 1, 2]
    assert told.top_logprobs is not None
    assert told.top_logprobs[2] == {"a": -0.5, "b": -1.5, "z": -2.5}


def test_as_many_of_the_likeliest_are_shown_as_were_wanted_and_the_drawn_one() -> None:
    told = completion([logprobs("x"), *finish()], body(logprobs=1)).choices[0].logprobs
    assert told is not None and told.top_logprobs == [{"x": -2.5, "a": -0.5}]
    told = completion([logprobs("x"), *finish()], body(logprobs=0)).choices[0].logprobs
    assert told is not None and told.top_logprobs == [{"x": -2.5}]


def test_logprobs_that_nobody_wanted_are_not_shown() -> None:
    given = body(prompt=[1], echo=True)
    assert completion([logprobs("x"), *finish()], given).choices[0].logprobs is None
    shown = chunks([logprobs("x"), *finish()], {**given, "stream": True})
    assert [chunk["choices"][0]["logprobs"] for chunk in shown] == [None, None]


def test_an_echoed_prompts_first_token_has_neither_logprob_nor_likeliest() -> None:
    told: JsonObject = {
        "tokens": ["Once"],
        "token_logprobs": [None],
        "top_logprobs": [None],
        "text_offset": [0],
    }
    deltas = [Delta(text="Once", text_logprobs=told), *finish()]
    choices = final(deltas, body(echo=True, logprobs=1))["choices"]
    assert isinstance(choices, list)
    assert choices[0]["text"] == "Once"
    assert choices[0]["logprobs"] == told


def test_a_text_is_put_before_each_of_its_choices() -> None:
    deltas = [Delta(choice=index, text=f" {index}", finish_reason="stop") for index in range(4)]
    found = completion(deltas, body(prompt=["a", "b"], n=2, echo=True))
    assert [choice.text for choice in found.choices] == ["a 0", "a 1", "b 2", "b 3"]


def test_a_streamed_answer_is_its_pieces_and_then_its_end() -> None:
    *pieces, end = chunks([*text("upon", " a"), *finish("length")])
    assert texts(pieces) == [(0, "upon"), (0, " a")]
    assert pieces[0] == {
        "id": f"cmpl-{ID_BODY}",
        "object": "text_completion",
        "created": 1_760_000_000,
        "model": "m",
        "choices": [{"text": "upon", "index": 0, "logprobs": None, "finish_reason": None}],
    }
    assert end["choices"] == [{"text": "", "index": 0, "logprobs": None, "finish_reason": "length"}]


def test_pieces_are_numbered_like_the_choices() -> None:
    deltas = [Delta(choice=index, text="x", finish_reason="stop") for index in (1, 0, 1)]
    found = chunks(deltas, body(stream=True, n=2))
    assert texts(found) == [(1, "x"), (0, "x"), (1, "x"), (0, ""), (1, "")]


def test_prompts_that_are_echoed_come_first() -> None:
    deltas = [Delta(choice=index, text=" x", finish_reason="stop") for index in range(2)]
    found = chunks(deltas, body(stream=True, prompt=["a", "b"], echo=True))
    assert texts(found)[:4] == [(0, "a"), (1, "b"), (0, " x"), (1, " x")]


def test_a_chunk_carries_its_own_logprobs() -> None:
    found = chunks([logprobs("x", at=4), *finish()], body(stream=True, logprobs=1))
    assert found[0]["choices"][0]["logprobs"] == {
        "tokens": ["x"],
        "token_logprobs": [-2.5],
        "top_logprobs": [{"x": -2.5, "a": -0.5}],
        "text_offset": [4],
    }


def test_usage_comes_last_when_it_is_wanted_and_is_null_until_then() -> None:
    given = body(stream=True, stream_options={"include_usage": True})
    *others, last = chunks([*text("x"), *finish()], given)
    assert [chunk["usage"] for chunk in others] == [None, None]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == USAGE.input_tokens + USAGE.output_tokens


def test_usage_is_not_told_unasked() -> None:
    assert all("usage" not in chunk for chunk in chunks([*text("x"), *finish()]))


def test_a_stream_ends_with_what_is_forebays_own_and_done() -> None:
    call = call_of(DIALECT, body(stream=True))
    stream = streamed(DIALECT, call, [], outcome_of(finish(), extension={"window": "asap"}))
    assert events(stream)[-1]["forebay"] == {"window": "asap"}
    assert stream.endswith(b"data: [DONE]\n\n")


def test_a_turn_that_broke_ends_the_stream_with_the_error() -> None:
    error = EngineUnavailable("the engine broke off its answer")
    outcome = Outcome(status=RequestStatus.FAILED, error=error)
    stream = streamed(DIALECT, call_of(DIALECT, body(stream=True)), text("x"), outcome)
    assert events(stream)[-1]["error"]["code"] == "engine_unavailable"
    assert stream.endswith(b"data: [DONE]\n\n")


def test_an_answer_without_usage_tells_none() -> None:
    found = completion([Delta(text="x", finish_reason="stop")])
    assert found.usage is not None and found.usage.total_tokens == 0
