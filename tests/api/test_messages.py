"""Messages through Anthropic's client."""

from __future__ import annotations

from anthropic.types import MessageParam, TextBlock

from forebay.dialects.turn import Delta, ToolCallPiece
from tests.api.conftest import MODEL, Front
from tests.fakes import ScriptedEngine, says

HI: list[MessageParam] = [{"role": "user", "content": "hi"}]


async def test_a_message_holds_text_and_usage(front: Front) -> None:
    message = await front.anthropic.messages.create(model=MODEL, max_tokens=9, messages=HI)
    (block,) = message.content
    assert isinstance(block, TextBlock) and block.text == "Hello."
    assert (message.stop_reason, message.model) == ("end_turn", MODEL)
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (6, 4)
    assert message.usage.output_tokens == 2


async def test_a_streamed_message_is_gathered_by_the_helper(front: Front) -> None:
    async with front.anthropic.messages.stream(model=MODEL, max_tokens=9, messages=HI) as stream:
        texts = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert texts == ["Hel", "lo."]
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 2


async def test_a_raw_stream_has_anthropics_events_in_order(front: Front) -> None:
    stream = await front.anthropic.messages.create(
        model=MODEL, max_tokens=9, messages=HI, stream=True
    )
    assert [event.type async for event in stream] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_a_token_limit_is_told_as_anthropic_tells_it(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(says("Hel", finish_reason="length"))
    message = await front.anthropic.messages.create(model=MODEL, max_tokens=1, messages=HI)
    assert message.stop_reason == "max_tokens"


async def test_a_tool_use_block_holds_its_input(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(
        [
            [Delta(tool_calls=(ToolCallPiece(0, "call_1", "look"),))],
            [Delta(tool_calls=(ToolCallPiece(0, arguments='{"at":1}'),))],
            [Delta(finish_reason="tool_calls")],
        ]
    )
    message = await front.anthropic.messages.create(
        model=MODEL,
        max_tokens=9,
        messages=HI,
        tools=[{"name": "look", "input_schema": {"type": "object"}}],
    )
    (block,) = message.content
    assert block.type == "tool_use"
    assert (block.name, block.input) == ("look", {"at": 1})
    assert message.stop_reason == "tool_use"


async def test_a_system_prompt_comes_first(front: Front, engine: ScriptedEngine) -> None:
    await front.anthropic.messages.create(
        model=MODEL, max_tokens=9, messages=HI, system="Be brief."
    )
    assert [message["role"] for message in engine.turns[0].messages] == ["system", "user"]


async def test_the_key_may_come_as_a_bearer_token(front: Front) -> None:
    client = front.anthropic.with_options(api_key=None, auth_token="fb-test-key")
    message = await client.messages.create(model=MODEL, max_tokens=9, messages=HI)
    assert message.role == "assistant"


async def test_the_header_chooses_the_window(front: Front) -> None:
    message = await front.anthropic.messages.create(
        model=MODEL,
        max_tokens=9,
        messages=HI,
        extra_headers={"X-Completion-Window": "standard"},
    )
    assert message.model_dump()["forebay"]["window"] == "standard"
