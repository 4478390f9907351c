"""The embedded engines: children of ours, each with one model, as replicas for the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from forebay.engines.embedded import EmbeddedEngine
from forebay.engines.embedded_options import EmbeddedOptions, usable_cores
from forebay.engines.engine import Engine
from forebay.engines.http import HttpEngine, HttpEngineOptions
from forebay.engines.known_models import MINILM
from forebay.engines.pool import Replica
from forebay.engines.portioned import PortionedEngine
from forebay.settings import Settings

EMBEDDED = "embedded"
EMBEDDED_EMBEDDINGS = "embedded embeddings"

# llama.cpp sees a closed connection during a long prompt only where it would write something, and
# tells only when it is verbose which stop string ended an answer.
CHAT_EXTRA: dict[str, object] = {"return_progress": True, "verbose": True}

# Enough to fill the child's slots; more would only keep it busy for a caller that has left.
MAX_INPUTS_AT_ONCE = 16
EMBEDDING_SLOTS = 4
EMBEDDING_THREADS = 2


class EmbeddedReplica:
    """One supervised child and the replica that it is.

    `on_moved` is called with the replica when the child has an address, and with its error when it
    has none any more.
    """

    def __init__(
        self,
        name: str,
        options: EmbeddedOptions,
        settings: Settings,
        *,
        on_moved: Callable[[Replica, str | None], None],
    ) -> None:
        self._client = HttpEngine(
            HttpEngineOptions(
                url="http://127.0.0.1:9/v1",  # until the child tells where it listens
                extra={} if options.makes_embeddings else CHAT_EXTRA,
                can_reuse_connections=False,
                stall_s=settings.engine_stall_s,
            )
        )
        engine: Engine = self._client
        if options.makes_embeddings:
            engine = PortionedEngine(self._client, max_inputs=MAX_INPUTS_AT_ONCE)
        self.model = options.alias
        self.replica = Replica(name, engine, slots=options.slots)
        self.has_address = asyncio.Event()
        self._on_moved = on_moved
        self._child = EmbeddedEngine(options, on_address=self._moved)

    async def run(self) -> None:
        """Keep the child alive until cancelled; leave none behind."""
        await self._child.run()

    def _moved(self, url: str | None) -> None:
        if url is None:
            self._on_moved(self.replica, "the embedded engine is not running")
        else:
            self._client.move(url, self._child.api_key)
            self.has_address.set()
            self._on_moved(self.replica, None)


def chat_options(settings: Settings, weights: Path, *, name: str) -> EmbeddedOptions:
    """Return what the child is started with that chats."""
    return EmbeddedOptions(
        model_path=weights,
        alias=name,
        slots=settings.embedded_slots,
        slot_context_tokens=settings.embedded_context_tokens,
        threads=settings.embedded_threads,
        batch_threads=settings.embedded_batch_threads,
    )


def embedding_options(weights: Path) -> EmbeddedOptions:
    """Return what the child is started with that makes embeddings: a guest on few cores."""
    return EmbeddedOptions(
        model_path=weights,
        alias=MINILM.name,
        slots=EMBEDDING_SLOTS,
        slot_context_tokens=MINILM.context_tokens,
        threads=1,
        batch_threads=min(EMBEDDING_THREADS, usable_cores()),
        makes_embeddings=True,
    )
