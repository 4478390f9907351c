"""The demo from start to end; whatever ends it, its server is ended and its folder removed."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from forebay.cli.demo.server import server_of_its_own
from forebay.cli.weights import pull
from forebay.core.errors import ForebayError
from forebay.engines.known_models import DEFAULT_EMBEDDING_MODEL, DEFAULT_MODEL
from forebay.settings import Settings

SDKS = ("openai", "anthropic")
ENDINGS = (signal.SIGTERM, signal.SIGHUP)

WELCOME = """\
[bold]Forebay demo[/bold]: one service on this machine, three ways to ask it, and the bill.
The model is SmolLM2 with 135 million parameters, a smoke test that runs on
anything. What it says is often wrong; how and when it comes is the point.\
"""


class SdkMissing(ForebayError):
    """A client library that the demo shows is not installed."""

    code = "sdk_missing"


def demo(settings: Settings, console: Console) -> None:
    """Show the three modes at work; leaves no process and no file but the model's weights."""
    try:
        from forebay.cli.demo.play import play
    except ModuleNotFoundError as error:
        if error.name not in SDKS:
            raise
        raise SdkMissing(
            "the demo needs two client libraries: pip install 'forebay[demo]'"
        ) from None
    began = time.monotonic()
    console.print(WELCOME, highlight=False)
    asyncio.run(pull(settings, DEFAULT_MODEL, console))
    has_embeddings = _has_embeddings(settings, console)
    key = f"fb-{secrets.token_urlsafe(32)}"
    with (
        _ended_by_signals(),
        tempfile.TemporaryDirectory(prefix="forebay-demo-") as folder,
        server_of_its_own(Path(folder), settings.models_folder, key, console) as address,
    ):
        play(address, key, console, has_embeddings=has_embeddings)
    console.print(
        f"\nDone in {time.monotonic() - began:.0f} s; the demo's service has ended. "
        "Your own: [bold]forebay serve[/bold]",
        highlight=False,
    )


def _has_embeddings(settings: Settings, console: Console) -> bool:
    """Fetch the embedding model; the demo goes on where that fails, as the service does."""
    try:
        asyncio.run(pull(settings, DEFAULT_EMBEDDING_MODEL, console))
    except ForebayError as error:
        console.print(f"Without embeddings: {error}", highlight=False, markup=False)
        return False
    return True


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let the signals that would end us at once unwind the block first."""

    def leave(number: int, _: FrameType | None) -> None:
        for ending in ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        sys.exit(128 + number)

    before = {ending: signal.signal(ending, leave) for ending in ENDINGS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
