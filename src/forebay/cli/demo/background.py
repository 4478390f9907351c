"""Background: an id at once, the answer by polling, and a webhook when it has ended."""

from __future__ import annotations

import queue
import secrets
import time

import openai
from openai.types.responses import Response
from rich.console import Console

from forebay.cli.demo.bill import Entry, cost_nanos, extension
from forebay.cli.demo.realtime import SYSTEM, TEMPERATURE, response_usage
from forebay.cli.demo.receiver import Receiver, receiving
from forebay.cli.demo.typist import Typist
from forebay.core.errors import ForebayError

WINDOW = "standard"
MAX_TOKENS = 160  # the model stops by itself long before
POLL_S = 0.1
LONGEST_S = 60.0


class DemoBroke(ForebayError):
    """The service did not do what the demo shows."""

    code = "demo_broke"


def run_in_background(client: openai.OpenAI, model: str, console: Console) -> Entry:
    """Create a background response, poll it to its end, and show the webhook that came."""
    token = secrets.token_urlsafe(16)
    began = time.monotonic()
    with receiving() as receiver:
        console.print(
            "\nopenai: [bold]client.responses.create(background=True, metadata=…)[/bold]\n"
            f'  metadata: completion_window "{WINDOW}", completion_webhook, webhook_token',
            highlight=False,
        )
        response = client.responses.create(
            model=model,
            instructions=SYSTEM,
            input="Name a river in Europe.",
            max_output_tokens=MAX_TOKENS,
            temperature=TEMPERATURE,
            background=True,
            metadata={
                "completion_window": WINDOW,
                "completion_webhook": receiver.url,
                "webhook_token": token,
            },
        )
        _tell(console, f"{response.status} after {time.monotonic() - began:.2f} s: {response.id}")
        response = _polled(client, response)
        wall_s = time.monotonic() - began
        _tell(console, f"{response.status} after {wall_s:.2f} s:")
        with Typist(console) as typist:
            typist.write(response.output_text)
        _show_webhook(client, response.id, receiver, token, console)
    assert response.usage is not None, "a response that ended well has its usage"
    return Entry(
        mode="background response",
        window=WINDOW,
        wall_s=wall_s,
        usage=response_usage(response.usage),
        cost_nanos=cost_nanos(extension(response)),
    )


def _polled(client: openai.OpenAI, response: Response) -> Response:
    deadline = time.monotonic() + LONGEST_S
    while response.status in ("queued", "in_progress"):
        if time.monotonic() > deadline:
            raise DemoBroke(f"{response.id} is still {response.status}")
        time.sleep(POLL_S)
        response = client.responses.retrieve(response.id)
    if response.status not in ("completed", "incomplete"):
        raise DemoBroke(f"{response.id} ended as {response.status}: {response.error}")
    return response


def _show_webhook(
    client: openai.OpenAI, response_id: str, receiver: Receiver, token: str, console: Console
) -> None:
    try:
        webhook = receiver.arrived.get(timeout=LONGEST_S)
    except queue.Empty:
        raise DemoBroke("the webhook did not arrive") from None
    got = client.responses.with_raw_response.retrieve(response_id)
    if webhook.authorization != f"Bearer {token}":
        raise DemoBroke("the webhook came without its token")
    if webhook.body != got.content:
        raise DemoBroke("the webhook's body is not what GET returns")
    _tell(
        console,
        f"webhook arrived: {len(webhook.body):,} bytes, the same as GET returns; token is right",
    )


def _tell(console: Console, text: str) -> None:
    console.print(f"[green]→[/green] {text}", highlight=False)
