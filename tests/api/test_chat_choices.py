"""Several choices of a chat completion, through OpenAI's client."""

from __future__ import annotations

from tests.api.conftest import MODEL, Front
from tests.fakes import ScriptedEngine, says

HI = [{"role": "user", "content": "hi"}]


async def test_every_choice_is_answered_and_the_prompt_paid_once(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.extend([says("a"), says("b", finish_reason="length")])
    completion = await front.openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "hi"}],
        n=2,
    )
    assert [(choice.index, choice.message.content) for choice in completion.choices] == [
        (0, "a"),
        (1, "b"),
    ]
    assert [choice.finish_reason for choice in completion.choices] == ["stop", "length"]
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (10, 4)


async def test_streamed_choices_are_told_apart(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.extend([says("a", "b"), says("c", "d")])
    async with front.openai.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": "hi"}],
        n=2,
        stream_options={"include_usage": True},
    ) as stream:
        completion = await stream.get_final_completion()
    assert sorted(str(choice.message.content) for choice in completion.choices) == ["ab", "cd"]
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 4


async def test_a_failing_choice_fails_the_call(front: Front, engine: ScriptedEngine) -> None:
    engine.by_prompt["hi"] = [RuntimeError("a bug")]
    answer = await front.http.post(
        "/v1/chat/completions", json={"model": MODEL, "messages": HI, "n": 2}
    )
    assert answer.status_code == 500
