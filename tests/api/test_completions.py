"""Completions, the API without messages, through OpenAI's client."""

from __future__ import annotations

import json

import openai
import pytest
from openai.types import Completion

from forebay.core.engine_errors import EngineUnavailable
from forebay.core.errors import UnsupportedParameter
from forebay.dialects.turn import Delta, JsonObject, TextTurn
from tests.api.conftest import MODEL, Front
from tests.api.test_batches import ended, results, submit
from tests.fakes import Gate, ScriptedEngine, says


def lenient(front: Front) -> openai.AsyncOpenAI:
    """Return a client that is not strict: its strict mode minds a null `finish_reason`.

    That is what every chunk but the last has, OpenAI's own too; and the first token of an echoed
    prompt has a null logprob.
    """
    return front.openai.copy(_extra_kwargs={"_strict_response_validation": False})


async def test_a_completion_holds_text_usage_window_and_cost(
    front: Front, engine: ScriptedEngine
) -> None:
    completion = await front.openai.completions.create(model=MODEL, prompt="Once")
    assert (completion.object, completion.model) == ("text_completion", MODEL)
    (choice,) = completion.choices
    assert (choice.text, choice.finish_reason, choice.logprobs) == ("Hello.", "stop", None)
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (10, 2)
    assert completion.model_dump()["forebay"] == {
        "window": "asap",
        "cost": {"amount": "0.000012", "currency": "USD"},
    }
    assert engine.turns == [TextTurn(model=MODEL, prompts=["Once"], max_output_tokens=16)]
    assert engine.models_used == ["tiny"]


async def test_two_prompts_get_two_choices_each_and_prompts_are_counted_once(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.by_prompt = {"one": says(" a"), "two": says(" b")}
    completion = await front.openai.completions.create(
        model=MODEL, prompt=["one", "two"], n=2, seed=7
    )
    assert [(choice.index, choice.text) for choice in completion.choices] == [
        (0, " a"),
        (1, " a"),
        (2, " b"),
        (3, " b"),
    ]
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (20, 8)
    asked = sorted((turn.prompts, turn.choices, turn.sampling["seed"]) for turn in engine.turns)
    assert asked == [(["one"], 1, 7), (["one"], 1, 8), (["two"], 1, 7), (["two"], 1, 8)]


async def test_a_streamed_completion_comes_piece_by_piece(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([[Delta(text="Hel")], gate, *says("lo.")])
    stream = await lenient(front).completions.create(model=MODEL, prompt="Once", stream=True)
    texts = []
    async for chunk in stream:
        texts.append(chunk.choices[0].text)
        if texts[-1] == "Hel":
            gate.open()
    assert texts == ["Hel", "lo.", ""]


async def test_a_stream_of_several_choices_tells_each_and_the_usage_of_all(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.by_prompt = {"one": says(" a"), "two": says(" b")}
    stream = await lenient(front).completions.create(
        model=MODEL,
        prompt=["one", "two"],
        n=2,
        echo=True,
        stream=True,
        stream_options={"include_usage": True},
    )
    found: dict[int, str] = {}
    reasons: dict[int, str] = {}
    chunks: list[Completion] = []
    async for chunk in stream:
        chunks.append(chunk)
        for choice in chunk.choices:
            found[choice.index] = found.get(choice.index, "") + choice.text
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
    assert found == {0: "one a", 1: "one a", 2: "two b", 3: "two b"}
    assert reasons == dict.fromkeys(range(4), "stop")
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 20 + 8


async def test_logprobs_of_an_echoed_prompt_come_from_the_engine(
    front: Front, engine: ScriptedEngine
) -> None:
    told: JsonObject = {
        "tokens": ["Once", " upon"],
        "token_logprobs": [None, -0.5],
        "top_logprobs": [None, {" upon": -0.5}],
        "text_offset": [0, 4],
    }
    engine.queue.append([[Delta(text="Once upon", text_logprobs=told, finish_reason="length")]])
    completion = await lenient(front).completions.create(
        model=MODEL, prompt="Once", echo=True, logprobs=1, max_tokens=1
    )
    assert engine.turns[0].sampling == {"echo": True, "logprobs": 1}
    (choice,) = completion.choices
    assert choice.text == "Once upon"
    assert choice.logprobs is not None and choice.logprobs.model_dump() == told


async def test_an_engine_that_does_not_echo_is_a_bad_request(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([UnsupportedParameter("echo", "the engine does not")])
    with pytest.raises(openai.BadRequestError) as caught:
        await front.openai.completions.create(model=MODEL, prompt=[1, 2], echo=True)
    assert caught.value.param == "echo"
    assert caught.value.code == "unsupported_parameter"


async def test_a_bad_prompt_never_reaches_an_engine(front: Front, engine: ScriptedEngine) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await front.openai.completions.create(model=MODEL, prompt=[])
    assert (caught.value.param, engine.turns) == ("prompt", [])


async def test_metadata_chooses_the_window(front: Front) -> None:
    completion = await front.openai.completions.create(
        model=MODEL,
        prompt="Once",
        extra_body={"metadata": {"completion_window": "standard"}},
    )
    assert completion.model_dump()["forebay"]["window"] == "standard"


async def test_a_choice_that_breaks_ends_the_call(front: Front, engine: ScriptedEngine) -> None:
    engine.by_prompt = {"one": says("a"), "two": [EngineUnavailable("it broke off")]}
    with pytest.raises(openai.InternalServerError):
        await front.openai.completions.create(model=MODEL, prompt=["one", "two"])


async def test_a_batch_may_be_made_of_completions(front: Front, engine: ScriptedEngine) -> None:
    engine.by_prompt = {"one": says("a"), "two": says("b")}
    lines: list[JsonObject] = [
        {
            "custom_id": text,
            "method": "POST",
            "url": "/v1/completions",
            "body": {"model": MODEL, "prompt": [text, text], "echo": True},
        }
        for text in ("one", "two")
    ]
    done = await ended(front, await submit(front, *lines, endpoint="/v1/completions"))
    assert (done.status, done.endpoint) == ("completed", "/v1/completions")
    found = await results(front, done.output_file_id)
    texts = {
        custom_id: [choice["text"] for choice in result["response"]["body"]["choices"]]
        for custom_id, result in found.items()
    }
    assert texts == {"one": ["onea", "onea"], "two": ["twob", "twob"]}
    assert done.usage is not None and done.usage.input_tokens == 40


async def test_the_bytes_of_a_stream_are_the_vendors(front: Front) -> None:
    answer = await front.http.post(
        "/v1/completions", json={"model": MODEL, "prompt": "Once", "stream": True}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    first = json.loads(events[0].removeprefix("data: "))
    assert first["choices"] == [
        {"text": "Hel", "index": 0, "logprobs": None, "finish_reason": None}
    ]
