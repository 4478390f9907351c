"""The Responses API through OpenAI's client, made and streamed; both majors run this."""

from __future__ import annotations

from openai import pydantic_function_tool
from openai.types.responses import (
    FunctionToolParam,
    NamespaceToolParam,
    Response,
    ResponseInputParam,
)
from pydantic import BaseModel

from tests.clients.python.openai_client import connected, lenient
from tests.clients.python.stage import JsonObject, model, perform


class Weather(BaseModel):
    """Tell the weather in a city."""

    city: str
    days: int


WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


def facts(response: Response) -> JsonObject:
    """Return what a caller would look at."""
    assert response.usage is not None
    return {
        "status": response.status,
        "text": response.output_text,
        "output_tokens": response.usage.output_tokens,
    }


def plain() -> JsonObject:
    """Ask once."""
    return facts(connected().responses.create(model=model(), input="hello"))


def streamed() -> JsonObject:
    """Let the stream helper put a response together."""
    with connected().responses.stream(model=model(), input="think") as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    begun = list(dict.fromkeys(kinds))
    return {"kinds": begun, **facts(response)}


def tools() -> JsonObject:
    """Let a tool be called, and give all items back with its result."""
    client = connected()
    prompt = "What is the weather in `Paris`?"
    items: ResponseInputParam = [{"role": "user", "content": prompt}]
    first = client.responses.create(model=model(), input=items, tools=[WEATHER])
    call = first.output[-1]
    assert call.type == "function_call"
    items += [
        call.to_dict(mode="json"),  # type: ignore[list-item]  # the client's own advice
        {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"},
    ]
    second = client.responses.create(model=model(), input=items, tools=[WEATHER])
    return {"name": call.name, "arguments": call.arguments, "text": second.output_text}


def streamed_tools() -> JsonObject:
    """Let the stream helper parse a tool call's arguments."""
    with connected().responses.stream(
        model=model(),
        input="The weather in `Oslo`?",
        tools=[pydantic_function_tool(Weather)],
    ) as stream:
        response = stream.get_final_response()
    calls = [item for item in response.output if item.type == "function_call"]
    return {"names": [c.name for c in calls], "arguments": [c.arguments for c in calls]}


def parsed() -> JsonObject:
    """Ask for an object of a class."""
    response = connected().responses.parse(
        model=model(), input="The weather in `Rome`?", text_format=Weather
    )
    assert response.output_parsed is not None
    return response.output_parsed.model_dump()


def custom_tool() -> JsonObject:
    """Let a tool be called that takes plain text, and give its result back."""
    client = connected()
    first = client.responses.create(
        model=model(),
        input="Note `buy milk`.",
        tools=[{"type": "custom", "name": "note", "description": "Write a note."}],
    )
    call = first.output[-1]
    assert call.type == "custom_tool_call", call
    second = client.responses.create(
        model=model(),
        input=[
            {"role": "user", "content": "Note `buy milk`."},
            {"type": "custom_tool_call", "call_id": call.call_id, "name": "note", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "noted"},
        ],
        tools=[{"type": "custom", "name": "note", "description": "Write a note."}],
    )
    return {"name": call.name, "input": call.input, "text": second.output_text}


def namespaced_tool() -> JsonObject:
    """Let a tool be called that lives in a namespace, and give its result back."""
    client = connected()
    crm: NamespaceToolParam = {
        "type": "namespace",
        "name": "crm",
        "description": "Customers.",
        "tools": [{"type": "function", "name": "find", "parameters": WEATHER["parameters"]}],
    }
    items: ResponseInputParam = [{"role": "user", "content": "Who lives in `Paris`?"}]
    first = client.responses.create(model=model(), input=items, tools=[crm])
    call = first.output[-1]
    assert call.type == "function_call", call
    items += [
        call.to_dict(mode="json"),  # type: ignore[list-item]  # the client's own advice
        {"type": "function_call_output", "call_id": call.call_id, "output": "nobody"},
    ]
    second = client.responses.create(model=model(), input=items, tools=[crm])
    return {"namespace": call.namespace, "name": call.name, "text": second.output_text}


def server_tool() -> JsonObject:
    """Offer a tool that only a server could run, as an option."""
    return facts(
        connected().responses.create(model=model(), input="hello", tools=[{"type": "web_search"}])
    )


def counted() -> JsonObject:
    """Count the tokens of an input."""
    count = connected().responses.input_tokens.count(model=model(), input="one two three")
    return {"object": count.object, "is_positive": count.input_tokens > 0}


def compacted() -> JsonObject:
    """Have what was said compacted, and go on from that."""
    # The strict client's schema knows only what the assistant says.
    compaction = lenient().responses.compact(
        model=model(), input=[{"role": "user", "content": "My name is Ada."}]
    )
    items = [item.to_dict(mode="json") for item in compaction.output]
    response = connected().responses.create(
        model=model(),
        input=[*items, {"role": "user", "content": "Who am I?"}],  # type: ignore[list-item]
    )
    return {"last": compaction.output[-1].type, "text": response.output_text}


def websocket() -> JsonObject:
    """Take two turns on one WebSocket, the second one going on from the first."""
    with connected().responses.connect() as connection:
        texts = []
        previous = None
        for prompt in ("first", "second"):
            connection.response.create(
                model=model(), input=prompt, previous_response_id=previous, store=False
            )
            for event in connection:
                if event.type == "response.completed":
                    texts.append(event.response.output_text)
                    previous = event.response.id
                    break
                assert event.type != "error", event
    return {"texts": texts}


if __name__ == "__main__":
    perform(
        plain,
        streamed,
        tools,
        streamed_tools,
        parsed,
        custom_tool,
        namespaced_tool,
        server_tool,
        counted,
        compacted,
        websocket,
    )
