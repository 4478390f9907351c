"""Chat completions through OpenAI's client."""

from __future__ import annotations

from openai.types.chat import ChatCompletionMessageParam

from forebay.dialects.turn import Delta, ToolCallPiece
from tests.api.conftest import MODEL, Front
from tests.fakes import Gate, ScriptedEngine, says

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


async def test_a_completion_holds_text_usage_window_and_cost(front: Front) -> None:
    completion = await front.openai.chat.completions.create(model=MODEL, messages=HI)
    assert completion.choices[0].message.content == "Hello."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == MODEL
    assert completion.service_tier == "default"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (10, 2)
    assert completion.model_dump()["forebay"] == {
        "window": "asap",
        "cost": {"amount": "0.000012", "currency": "USD"},
    }


async def test_a_streamed_completion_comes_piece_by_piece(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([[Delta(text="Hel")], gate, *says("lo.")])
    stream = await front.openai.chat.completions.create(model=MODEL, messages=HI, stream=True)
    texts = []
    async for chunk in stream:
        texts.append(chunk.choices[0].delta.content or "")
        if texts[-1] == "Hel":
            gate.open()
    assert "".join(texts) == "Hello."


async def test_a_stream_tells_usage_when_asked(front: Front) -> None:
    stream = await front.openai.chat.completions.create(
        model=MODEL, messages=HI, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 12


async def test_the_stream_helper_gathers_the_whole_completion(front: Front) -> None:
    async with front.openai.chat.completions.stream(model=MODEL, messages=HI) as stream:
        completion = await stream.get_final_completion()
    assert completion.choices[0].message.content == "Hello."


async def test_tool_calls_are_passed_on(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(
        [
            [Delta(tool_calls=(ToolCallPiece(0, "call_1", "look"),))],
            [Delta(tool_calls=(ToolCallPiece(0, arguments='{"at":1}'),))],
            [Delta(finish_reason="tool_calls")],
        ]
    )
    completion = await front.openai.chat.completions.create(
        model=MODEL,
        messages=HI,
        tools=[{"type": "function", "function": {"name": "look", "parameters": {}}}],
    )
    (call,) = completion.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "look", '{"at":1}')
    assert completion.choices[0].finish_reason == "tool_calls"


async def test_an_alias_is_answered_with_the_models_own_name(
    front: Front, engine: ScriptedEngine
) -> None:
    completion = await front.openai.chat.completions.create(model="small", messages=HI)
    assert completion.model == MODEL
    assert engine.models_used == ["tiny"]


async def test_fields_that_only_the_engine_knows_reach_it(
    front: Front, engine: ScriptedEngine
) -> None:
    await front.openai.chat.completions.create(
        model=MODEL, messages=HI, temperature=0.5, extra_body={"min_p": 0.1}
    )
    assert engine.turns[0].sampling == {"temperature": 0.5}
    assert engine.turns[0].extra == {"min_p": 0.1}


async def test_metadata_chooses_the_window(front: Front) -> None:
    completion = await front.openai.chat.completions.create(
        model=MODEL, messages=HI, metadata={"completion_window": "standard"}
    )
    assert completion.service_tier == "flex"
    assert completion.model_dump()["forebay"] == {
        "window": "standard",
        "cost": {"amount": "0.000006", "currency": "USD"},
    }


async def test_the_header_chooses_the_window(front: Front) -> None:
    completion = await front.openai.chat.completions.create(
        model=MODEL, messages=HI, extra_headers={"X-Completion-Window": "standard"}
    )
    assert completion.model_dump()["forebay"]["window"] == "standard"


async def test_every_answer_carries_its_request_id(front: Front) -> None:
    raw = await front.openai.chat.completions.with_raw_response.create(model=MODEL, messages=HI)
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse()._request_id == raw.headers["x-request-id"]
