"""Messages through Anthropic's client."""

from __future__ import annotations

from anthropic.types import (
    DocumentBlockParam,
    MessageParam,
    PlainTextSourceParam,
    TextBlock,
    ThinkingBlock,
    ThinkingConfigParam,
    ToolUseBlock,
)

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


async def test_thinking_that_is_not_shown_comes_back_to_the_engine(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([[Delta(reasoning="let me see")], *says("Hello.")])
    async with front.anthropic.messages.stream(
        model=MODEL,
        max_tokens=9,
        messages=HI,
        thinking={"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
    ) as stream:
        message = await stream.get_final_message()
    block = message.content[0]
    assert isinstance(block, ThinkingBlock)
    assert (block.thinking, block.signature[:4]) == ("", "fb1.")
    await front.anthropic.messages.create(
        model=MODEL, max_tokens=9, messages=[*HI, message.to_param(), *HI]
    )
    assert engine.turns[1].messages[1]["reasoning_content"] == "let me see"


async def test_a_stream_and_an_object_sign_alike(front: Front, engine: ScriptedEngine) -> None:
    script = [[Delta(reasoning="let me see")], *says("Hello.")]
    engine.queue.extend([script, script])
    thinking: ThinkingConfigParam = {"type": "adaptive"}
    message = await front.anthropic.messages.create(
        model=MODEL, max_tokens=9, messages=HI, thinking=thinking
    )
    async with front.anthropic.messages.stream(
        model=MODEL, max_tokens=9, messages=HI, thinking=thinking
    ) as stream:
        streamed = await stream.get_final_message()
    assert message.content[0].to_dict() == streamed.content[0].to_dict()


async def test_calls_whose_pieces_come_mixed_are_gathered_by_the_helper(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(
        [
            [Delta(tool_calls=(ToolCallPiece(0, "call_1", "look", '{"at":'),))],
            [Delta(tool_calls=(ToolCallPiece(1, "call_2", "look", '{"at":'),))],
            [Delta(tool_calls=(ToolCallPiece(1, arguments="2}"),))],
            [Delta(tool_calls=(ToolCallPiece(0, arguments="1}"),))],
            [Delta(finish_reason="tool_calls")],
        ]
    )
    async with front.anthropic.messages.stream(
        model=MODEL,
        max_tokens=9,
        messages=HI,
        tools=[{"name": "look", "input_schema": {"type": "object"}}],
    ) as stream:
        message = await stream.get_final_message()
    assert [
        (block.id, block.input) for block in message.content if isinstance(block, ToolUseBlock)
    ] == [("call_1", {"at": 1}), ("call_2", {"at": 2})]


async def test_the_beginning_of_an_answer_is_for_the_engine_to_continue(
    front: Front, engine: ScriptedEngine
) -> None:
    message = await front.anthropic.messages.create(
        model=MODEL, max_tokens=9, messages=[*HI, {"role": "assistant", "content": "Well,"}]
    )
    (turn,) = engine.turns
    assert turn.messages[-1] == {"role": "assistant", "content": "Well,"}
    assert turn.extra["continue_final_message"] is True
    assert message.content[0].to_dict()["text"] == "Hello."


async def test_a_document_is_read_to_the_model(front: Front, engine: ScriptedEngine) -> None:
    source: PlainTextSourceParam = {"type": "text", "media_type": "text/plain", "data": "Tides."}
    document: DocumentBlockParam = {"type": "document", "source": source, "title": "On tides"}
    await front.anthropic.messages.create(
        model=MODEL, max_tokens=9, messages=[{"role": "user", "content": [document]}]
    )
    assert engine.prompts == ["<document>\n<title>On tides</title>\nTides.\n</document>"]


async def test_tools_of_the_vendors_servers_are_no_obstacle(
    front: Front, engine: ScriptedEngine
) -> None:
    await front.anthropic.messages.create(
        model=MODEL,
        max_tokens=9,
        messages=HI,
        tools=[
            {"type": "web_search_20250305", "name": "web_search"},
            {"type": "bash_20250124", "name": "bash"},
        ],
    )
    assert [tool["function"]["name"] for tool in engine.turns[0].tools] == ["bash"]


async def test_betas_and_fields_that_nobody_knows_break_nothing(front: Front) -> None:
    message = await front.anthropic.beta.messages.create(
        model=MODEL,
        max_tokens=9,
        messages=[{"role": "user", "content": "hi"}],
        betas=["brand-new-2027-01-01"],
        mcp_servers=[],
        context_management={"edits": []},
        extra_body={"brand_new": 1},
    )
    assert message.stop_reason == "end_turn"
