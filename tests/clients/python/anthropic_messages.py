"""Messages, models and errors through Anthropic's client; both majors run this."""

from __future__ import annotations

from anthropic import Anthropic, APIStatusError, beta_tool
from anthropic.types import MessageParam, ToolParam
from pydantic import BaseModel

from tests.clients.python.stage import JsonObject, model, perform

MAX_TOKENS = 2048
WEATHER: ToolParam = {
    "name": "weather",
    "description": "Tell the weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


class Weather(BaseModel):
    """Tell the weather in a city."""

    city: str
    days: int


def connected() -> Anthropic:
    """Return a client that refuses bodies which are not as the API's schema says."""
    return Anthropic(max_retries=0, _strict_response_validation=True)


def asked(prompt: str) -> list[MessageParam]:
    """Return a conversation that has just begun."""
    return [{"role": "user", "content": prompt}]


def plain() -> JsonObject:
    """Ask once."""
    message = connected().messages.create(
        model=model(), max_tokens=MAX_TOKENS, messages=asked("hello")
    )
    (block,) = message.content
    assert block.type == "text"
    return {
        "model": message.model,
        "text": block.text,
        "stop_reason": message.stop_reason,
        "output_tokens": message.usage.output_tokens,
    }


def streamed() -> JsonObject:
    """Let the stream helper put a message together."""
    with connected().messages.stream(
        model=model(), max_tokens=MAX_TOKENS, messages=asked("hello")
    ) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    return {"pieces": pieces, "stop_reason": message.stop_reason}


def tools() -> JsonObject:
    """Let a tool be used, and give its result back."""
    client = connected()
    messages = asked("What is the weather in `Paris`?")
    first = client.messages.create(
        model=model(), max_tokens=MAX_TOKENS, messages=messages, tools=[WEATHER]
    )
    use = first.content[-1]
    assert use.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "21 degrees"}
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},  # type: ignore[list-item, misc]
    ]
    second = client.messages.create(
        model=model(), max_tokens=MAX_TOKENS, messages=messages, tools=[WEATHER]
    )
    (block,) = second.content
    assert block.type == "text"
    return {
        "name": use.name,
        "input": use.input,
        "stop_reason": first.stop_reason,
        "text": block.text,
    }


def streamed_tools() -> JsonObject:
    """Let the stream helper put a tool's input together."""
    with connected().messages.stream(
        model=model(),
        max_tokens=MAX_TOKENS,
        messages=asked("The weather in `Oslo`?"),
        tools=[WEATHER],
    ) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        (use,) = stream.get_final_message().content
    assert use.type == "tool_use"
    return {"json": "".join(pieces), "input": use.input}


def tool_runner() -> JsonObject:
    """Let the client run tools by itself until there is an answer."""

    @beta_tool
    def weather(city: str) -> str:
        """Tell the weather in a city."""
        return f"21 degrees in {city}"

    runner = connected().beta.messages.tool_runner(
        model=model(),
        max_tokens=MAX_TOKENS,
        messages=[{"role": "user", "content": "The weather in `Rome`?"}],
        tools=[weather],
    )
    (block,) = runner.until_done().content
    assert block.type == "text"
    return {"text": block.text}


def parsed() -> JsonObject:
    """Ask for an object of a class."""
    message = connected().messages.parse(
        model=model(),
        max_tokens=MAX_TOKENS,
        messages=asked("The weather in `Rome`?"),
        output_format=Weather,
    )
    assert message.parsed_output is not None
    return message.parsed_output.model_dump()


def thought() -> JsonObject:
    """See the thoughts before an answer, and give them back with the next question."""
    client = connected()
    messages = asked("think")
    with client.messages.stream(
        model=model(),
        max_tokens=MAX_TOKENS,
        messages=messages,
        thinking={"type": "enabled", "budget_tokens": 1024},
    ) as stream:
        pieces = [event.thinking for event in stream if event.type == "thinking"]
        first = stream.get_final_message()
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": "go on"},
    ]
    second = client.messages.create(model=model(), max_tokens=MAX_TOKENS, messages=messages)
    return {
        "kinds": [block.type for block in first.content],
        "thoughts": "".join(pieces),
        "later_kinds": [block.type for block in second.content],
    }


def counted() -> JsonObject:
    """Count the tokens of a conversation."""
    count = connected().messages.count_tokens(model=model(), messages=asked("one two three"))
    return {"is_positive": count.input_tokens > 0}


def models() -> JsonObject:
    """List the models, and look one up whose name has a slash."""
    client = connected()
    return {
        "listed": [listed.id for listed in client.models.list()],
        "found": client.models.retrieve(model()).id,
    }


def unknown_model() -> JsonObject:
    """Ask a model that is not here."""
    return _refused(connected(), model="no-such-model", max_tokens=MAX_TOKENS)


def wrong_key() -> JsonObject:
    """Come with a wrong key."""
    client = connected().with_options(api_key="wrong")
    return _refused(client, model=model(), max_tokens=MAX_TOKENS)


def no_room() -> JsonObject:
    """Ask for an answer without a token."""
    return _refused(connected(), model=model(), max_tokens=0)


def _refused(client: Anthropic, *, model: str, max_tokens: int) -> JsonObject:
    try:
        client.messages.create(model=model, max_tokens=max_tokens, messages=asked("hello"))
    except APIStatusError as error:
        assert isinstance(error.body, dict)
        return {
            "class": type(error).__name__,
            "kind": error.body["error"]["type"],
            "has_request_id": bool(error.request_id),
        }
    raise AssertionError("it was not refused")


if __name__ == "__main__":
    perform(
        plain,
        streamed,
        tools,
        streamed_tools,
        tool_runner,
        parsed,
        thought,
        counted,
        models,
        unknown_model,
        wrong_key,
        no_room,
    )
