"""The demo's three acts and its bill, against a server that runs."""

from __future__ import annotations

import anthropic
import openai
from rich.console import Console

from forebay.cli.demo.background import DemoBroke, run_in_background
from forebay.cli.demo.batch import run_batch
from forebay.cli.demo.bill import Tariff, extension, show_bill
from forebay.cli.demo.embeddings import show_nearest
from forebay.cli.demo.realtime import stream_chat, stream_message, stream_response

MODEL = "smollm2"


def play(address: str, key: str, console: Console, *, has_embeddings: bool) -> None:
    """Show realtime, background and batch, then what they cost; raises `DemoBroke`."""
    try:
        _play(address, key, console, has_embeddings=has_embeddings)
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        raise DemoBroke(f"the service answered with an error: {error}") from error


def _play(address: str, key: str, console: Console, *, has_embeddings: bool) -> None:
    with (
        # A proxy of the person's environment must not stand between us and loopback.
        openai.DefaultHttpxClient(trust_env=False) as openai_http,
        anthropic.DefaultHttpxClient(trust_env=False) as anthropic_http,
        openai.OpenAI(base_url=f"{address}/v1", api_key=key, http_client=openai_http) as client,
        anthropic.Anthropic(
            base_url=address, api_key=key, http_client=anthropic_http
        ) as anthropic_client,
    ):
        _title(console, "Realtime", "the caller holds the connection")
        entries = [
            stream_chat(client, MODEL, console),
            stream_response(client, MODEL, console),
            stream_message(anthropic_client, MODEL, console),
        ]
        _title(console, "Background", "an id now, the answer within minutes, a webhook")
        entries.append(run_in_background(client, MODEL, console))
        _title(console, "Batch", "files in and out, within a day")
        entries.append(run_batch(client, MODEL, console))
        if has_embeddings:
            _title(console, "Embeddings", "texts as vectors, near where their meanings are")
            show_nearest(client, console)
        _title(console, "Bill", "the longer the window, the lower the price")
        show_bill(console, entries, _tariff(client))


def _title(console: Console, name: str, meaning: str) -> None:
    console.print()
    console.rule(f"[bold]{name}[/bold]: {meaning}", align="left")


def _tariff(client: openai.OpenAI) -> Tariff:
    fields = extension(client.models.retrieve(MODEL))
    prices, currency = fields["prices_per_million_tokens"], fields["currency"]
    assert isinstance(prices, dict) and isinstance(currency, str)
    return Tariff(listed=prices["asap"], currency=currency)
