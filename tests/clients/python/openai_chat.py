"""Chat Completions, and the older APIs beside it, through OpenAI's client; both majors run this."""

from __future__ import annotations

from openai import pydantic_function_tool
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
from pydantic import BaseModel

from tests.clients.python.openai_client import connected, lenient
from tests.clients.python.stage import JsonObject, model, perform


class Weather(BaseModel):
    """Tell the weather in a city."""

    city: str
    days: int


WEATHER: ChatCompletionToolUnionParam = pydantic_function_tool(Weather)


def asked(prompt: str) -> list[ChatCompletionMessageParam]:
    """Return a conversation that has just begun."""
    return [{"role": "user", "content": prompt}]


def plain() -> JsonObject:
    """Ask once."""
    answer = connected().chat.completions.create(model=model(), messages=asked("hello"))
    assert answer.usage is not None
    return {
        "model": answer.model,
        "text": answer.choices[0].message.content,
        "finish_reason": answer.choices[0].finish_reason,
        "output_tokens": answer.usage.completion_tokens,
    }


def streamed() -> JsonObject:
    """Let the stream helper put an answer together."""
    with connected().chat.completions.stream(
        model=model(), messages=asked("hello"), stream_options={"include_usage": True}
    ) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta" and event.delta]
        answer = stream.get_final_completion()
    assert answer.usage is not None
    return {
        "pieces": pieces,
        "text": answer.choices[0].message.content,
        "finish_reason": answer.choices[0].finish_reason,
        "output_tokens": answer.usage.completion_tokens,
    }


def tools() -> JsonObject:
    """Let a tool be called, and give its result back."""
    client = connected()
    messages = asked("What is the weather in `Paris`?")
    first = client.chat.completions.create(model=model(), messages=messages, tools=[WEATHER])
    message = first.choices[0].message
    assert message.tool_calls
    call = message.tool_calls[0]
    assert call.type == "function"
    messages += [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    second = client.chat.completions.create(model=model(), messages=messages, tools=[WEATHER])
    return {
        "name": call.function.name,
        "arguments": call.function.arguments,
        "finish_reason": first.choices[0].finish_reason,
        "text": second.choices[0].message.content,
    }


def streamed_tools() -> JsonObject:
    """Let the stream helper parse a tool call's arguments."""
    with connected().chat.completions.stream(
        model=model(), messages=asked("The weather in `Oslo`?"), tools=[WEATHER]
    ) as stream:
        done = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
    return {"names": [e.name for e in done], "arguments": [e.arguments for e in done]}


def parsed() -> JsonObject:
    """Ask for an object of a class."""
    answer = connected().chat.completions.parse(
        model=model(), messages=asked("The weather in `Rome`?"), response_format=Weather
    )
    weather = answer.choices[0].message.parsed
    assert weather is not None
    return weather.model_dump()


def thought() -> JsonObject:
    """Ask a model that thinks first."""
    answer = connected().chat.completions.create(model=model(), messages=asked("think"))
    message = answer.choices[0].message
    return {"text": message.content, "thoughts": getattr(message, "reasoning_content", None)}


def two_choices() -> JsonObject:
    """Ask for two answers."""
    answer = connected().chat.completions.create(model=model(), messages=asked("hello"), n=2)
    return {"texts": [choice.message.content for choice in answer.choices]}


def stored() -> JsonObject:
    """Have a completion kept; look it up, change, list and delete it."""
    kept = connected().chat.completions
    made = kept.create(model=model(), messages=asked("hello"), store=True, metadata={"a": "1"})
    found = kept.retrieve(made.id)
    changed = kept.update(made.id, metadata={"a": "2"})
    # Its schema knows only messages of the assistant.
    listing = lenient().chat.completions.messages.list(made.id)
    messages = [message.content for message in listing]
    listed = [completion.id for completion in kept.list(metadata={"a": "2"})]
    deleted = kept.delete(made.id)
    return {
        "is_found": found.choices == made.choices,
        "metadata": changed.metadata,
        "messages": messages,
        "is_listed": listed == [made.id],
        "is_deleted": deleted.deleted,
        "is_listed_later": made.id in [completion.id for completion in kept.list()],
    }


def completed() -> JsonObject:
    """Use the API that had no messages yet."""
    answer = connected().completions.create(model=model(), prompt="Once upon", max_tokens=16)
    return {"text": answer.choices[0].text, "finish_reason": answer.choices[0].finish_reason}


def completed_streamed() -> JsonObject:
    """Use it streamed."""
    # Its schema wants a reason to finish in every chunk.
    stream = lenient().completions.create(
        model=model(), prompt="Once upon", max_tokens=16, stream=True
    )
    return {"text": "".join(chunk.choices[0].text for chunk in stream if chunk.choices)}


def embedded() -> JsonObject:
    """Embed two texts as the client does it, which is by base64, then one as numbers."""
    # Its schema knows only numbers; base64 is decoded later.
    by_default = lenient().embeddings.create(model=model(), input=["ab", "abc"])
    as_numbers = connected().embeddings.create(
        model=model(), input="abcd", encoding_format="float", dimensions=2
    )
    return {
        "by_default": [item.embedding for item in by_default.data],
        "as_numbers": [item.embedding for item in as_numbers.data],
        "tokens": by_default.usage.prompt_tokens,
    }


if __name__ == "__main__":
    perform(
        plain,
        streamed,
        tools,
        streamed_tools,
        parsed,
        thought,
        two_choices,
        stored,
        completed,
        completed_streamed,
        embedded,
    )
