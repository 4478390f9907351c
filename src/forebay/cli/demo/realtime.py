"""Realtime: three calls that stream, one through each API; the caller holds the connection."""

from __future__ import annotations

import time

import anthropic
import openai
from rich.console import Console

from forebay.cli.demo.bill import Entry, cost_nanos, extension
from forebay.cli.demo.typist import Typist
from forebay.core.money import Usage

SYSTEM = "You answer in one short sentence."
TEMPERATURE = 0.2
MAX_TOKENS = 64
WINDOW = "asap"


def stream_chat(client: openai.OpenAI, model: str, console: Console) -> Entry:
    """Stream a chat completion."""
    began = _begin(console, "client.chat.completions.create(stream=True)")
    chunk = None
    with (
        client.chat.completions.create(
            model=model,
            messages=[
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": "Why do people build reservoirs?"},
            ],
            max_tokens=MAX_TOKENS,
            temperature=TEMPERATURE,
            stream=True,
            stream_options={"include_usage": True},
        ) as chunks,
        Typist(console) as typist,
    ):
        for chunk in chunks:
            for choice in chunk.choices:
                typist.write(choice.delta.content or "")
    assert chunk is not None and chunk.usage is not None, "it was asked for"
    details = chunk.usage.prompt_tokens_details
    usage = Usage(
        input_tokens=chunk.usage.prompt_tokens,
        cached_tokens=(details.cached_tokens or 0) if details else 0,
        output_tokens=chunk.usage.completion_tokens,
    )
    return _entry("chat", began, usage, extension(chunk))


def stream_response(client: openai.OpenAI, model: str, console: Console) -> Entry:
    """Stream a response."""
    began = _begin(console, "client.responses.create(stream=True)")
    with (
        client.responses.create(
            model=model,
            instructions=SYSTEM,
            input="What is a forebay?",
            max_output_tokens=MAX_TOKENS,
            temperature=TEMPERATURE,
            stream=True,
        ) as events,
        Typist(console) as typist,
    ):
        for event in events:
            if event.type == "response.output_text.delta":
                typist.write(event.delta)
    assert event.type in ("response.completed", "response.incomplete"), event.type
    response = event.response
    assert response.usage is not None, "a response that ended well has its usage"
    return _entry("response", began, response_usage(response.usage), extension(response))


def stream_message(client: anthropic.Anthropic, model: str, console: Console) -> Entry:
    """Stream a message of Anthropic's API."""
    began = _begin(console, "client.messages.create(stream=True)", "anthropic")
    delta = None
    with (
        client.messages.create(
            model=model,
            system=SYSTEM,
            messages=[{"role": "user", "content": "Where does rain come from?"}],
            max_tokens=MAX_TOKENS,
            stream=True,
            extra_body={"temperature": TEMPERATURE},  # the SDK has no argument for it any more
        ) as events,
        Typist(console) as typist,
    ):
        for event in events:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                typist.write(event.delta.text)
            elif event.type == "message_delta":
                delta = event
    assert delta is not None, "a message that ended well tells its usage"
    cached_tokens = delta.usage.cache_read_input_tokens or 0
    usage = Usage(  # Anthropic counts the cached tokens apart
        input_tokens=(delta.usage.input_tokens or 0) + cached_tokens,
        cached_tokens=cached_tokens,
        output_tokens=delta.usage.output_tokens,
    )
    return _entry("message", began, usage, extension(delta))


def response_usage(usage: openai.types.responses.ResponseUsage) -> Usage:
    """Return the usage of a response in the service's own words."""
    return Usage(
        input_tokens=usage.input_tokens,
        cached_tokens=usage.input_tokens_details.cached_tokens,
        output_tokens=usage.output_tokens,
    )


def _begin(console: Console, call: str, sdk: str = "openai") -> float:
    console.print(f"\n{sdk}: [bold]{call}[/bold]", highlight=False)
    return time.monotonic()


def _entry(name: str, began: float, usage: Usage, fields: dict[str, object]) -> Entry:
    return Entry(
        mode=f"realtime {name}",
        window=WINDOW,
        wall_s=time.monotonic() - began,
        usage=usage,
        cost_nanos=cost_nanos(fields),
    )
