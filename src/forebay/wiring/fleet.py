"""The fleet: engines as replicas in pools, each watched; engines tell which models they serve."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from forebay.core.clock import Clock
from forebay.core.errors import ForebayError
from forebay.core.models import Model
from forebay.engines.embedded_options import EmbeddedOptions
from forebay.engines.health import HealthWatch
from forebay.engines.http import HttpEngineOptions
from forebay.engines.known_models import DEFAULT_EMBEDDING_MODEL, DEFAULT_MODEL
from forebay.engines.pool import Replica
from forebay.engines.weights import Weights
from forebay.lanes.catalogue import Catalogue, Served
from forebay.scheduler.dispatcher import Dispatcher
from forebay.settings import ModelSettings, Settings, SettingsInvalid
from forebay.wiring.doors import OpenEngine
from forebay.wiring.embedded import (
    EMBEDDED,
    EMBEDDED_EMBEDDINGS,
    EmbeddedReplica,
    chat_options,
    embedding_options,
)
from forebay.wiring.models import (
    configured_model,
    embedded_embedding_model,
    embedded_model,
    found_model,
    windows_of,
)

EMBEDDINGS_START_S = 2.0  # a moment of the start, where their weights are here; half is usual

log = logging.getLogger(__name__)


class Fleet:
    """Every engine of the settings. `on_served` is called once for each model.

    `on_told` is called whenever an engine has told which models it serves.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        dispatcher: Dispatcher,
        *,
        clock: Clock,
        open_engine: OpenEngine,
        weights: Path | None,
        on_served: Callable[[Served], None],
        on_told: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._dispatcher = dispatcher
        self._clock = clock
        self._open_engine = open_engine
        self._on_served = on_served
        self._on_told = on_told
        self._windows = windows_of(settings)
        self._watches: dict[str, HealthWatch] = {}
        self._replicas: dict[str, Replica] = {}
        self._finding: set[str] = set()
        self._embedded: dict[str, EmbeddedReplica] = {}
        self._weights = Weights(settings.models_folder)
        # Set where a start need not wait: the model is there, or it fails, or it must be fetched.
        self._is_embedding_decided = asyncio.Event()
        for name, model in settings.models.items():
            self._add_configured(name, model)
        for url in settings.engines:
            self._add_finding(url)
        if weights is not None:
            self._add_embedded_chat(weights)
        self._is_embedding_wanted = weights is not None and settings.embedded_embeddings
        if self._is_embedding_wanted:
            catalogue.untold.add(EMBEDDED_EMBEDDINGS)

    async def run(self) -> None:
        """Keep the engines alive and watched for ever, then let go of them."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for replica in self._replicas.values():
                    tasks.create_task(self._watch_over(replica))
                if self._is_embedding_wanted:
                    tasks.create_task(self._bring_embeddings())
        finally:
            for replica in self._replicas.values():
                await replica.engine.close()

    async def _watch_over(self, replica: Replica) -> None:
        watch = self._watches[replica.name]
        embedded = self._embedded.get(replica.name)
        if embedded is None:
            await watch.run()
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(embedded.run())
            await embedded.has_address.wait()
            await watch.run()

    async def _bring_embeddings(self) -> None:
        """Serve the embedded embedding model once its weights are here, or do without it."""
        model = embedded_embedding_model(self._windows, self._settings, self._clock.now())
        replica = None
        try:
            if all(self._catalogue.get(name) is None for name in (model.name, *model.aliases)):
                if not self._weights.has(DEFAULT_EMBEDDING_MODEL):
                    log.info("embedding model is fetched", extra={"model": model.name})
                    self._is_embedding_decided.set()
                weights = await self._weights.pull(DEFAULT_EMBEDDING_MODEL)
                options = embedding_options(weights)
                replica = self._add_embedded(EMBEDDED_EMBEDDINGS, options, model)
        except (ForebayError, OSError) as error:
            log.warning("embedding model not served", extra={"reason": str(error)})
        self._is_embedding_decided.set()
        self._catalogue.untold.discard(EMBEDDED_EMBEDDINGS)
        self._on_told()
        if replica is not None:
            await self._watch_over(replica)

    async def first_probes(self) -> None:
        """Return when it is known of every replica whether it is well.

        Embeddings are waited for only where their weights are here, and not for long.
        """
        for watch in list(self._watches.values()):
            await watch.has_probed.wait()
        if self._is_embedding_wanted:
            with suppress(TimeoutError):
                async with asyncio.timeout(EMBEDDINGS_START_S):
                    await self._is_embedding_decided.wait()
                    if EMBEDDED_EMBEDDINGS in self._watches:
                        await self._watches[EMBEDDED_EMBEDDINGS].has_probed.wait()

    def trouble(self, replica: Replica) -> None:
        """A turn found this replica broken: look at it now."""
        self._watches[replica.name].suspect()

    def _add_configured(self, name: str, model: ModelSettings) -> None:
        now = self._clock.now()
        served = self._catalogue.add(
            configured_model(name, model, self._windows, self._settings, now)
        )
        for url in model.engines:
            replica = self._replica(url, key=_key(model.engine_key), slots=model.slots)
            served.pool.add(replica, model=model.engine_model or name)
        self._on_served(served)

    def _add_finding(self, url: str) -> None:
        name = self._replica(url, key=_key(self._settings.engine_key)).name
        self._finding.add(name)
        self._catalogue.untold.add(name)

    def _add_embedded_chat(self, weights: Path) -> None:
        settings = self._settings
        name = DEFAULT_MODEL if settings.model is None else Path(settings.model).stem
        options = chat_options(settings, weights, name=name)
        model = embedded_model(name, self._windows, settings, self._clock.now())
        self._add_embedded(EMBEDDED, options, model)

    def _add_embedded(self, name: str, options: EmbeddedOptions, model: Model) -> Replica:
        embedded = EmbeddedReplica(name, options, self._settings, on_moved=self._moved)
        self._embedded[name] = embedded
        self._watch(embedded.replica)
        served = self._catalogue.add(model)
        served.pool.add(embedded.replica, model=model.name)
        self._on_served(served)
        return embedded.replica

    def _moved(self, replica: Replica, error: str | None) -> None:
        if error is None:
            self.trouble(replica)
        else:
            self._dispatcher.mark_down(replica, error=error)

    def _replica(self, url: str, *, key: str | None, slots: int | None = None) -> Replica:
        """Return the replica at this address; models that share one share its slots."""
        url = _base_url(url)
        replica = self._replicas.get(url)
        if replica is None:
            settings = self._settings
            options = HttpEngineOptions(
                url=url, key=key, stall_s=settings.engine_stall_s, clock=self._clock
            )
            try:
                engine = self._open_engine(options)
            except ValueError as error:
                raise SettingsInvalid(f"engine {url!r}: {error}") from None
            replica = Replica(url, engine, slots=slots or settings.engine_slots)
            self._watch(replica)
        return replica

    def _watch(self, replica: Replica) -> None:
        self._replicas[replica.name] = replica
        self._watches[replica.name] = HealthWatch(replica, on_up=self._up, on_down=self._down)

    def _up(self, replica: Replica, models: list[str]) -> None:
        if replica.name in self._finding:
            for name in models:
                self._find(replica, name)
            self._catalogue.untold.discard(replica.name)
            self._on_told()
        self._dispatcher.mark_up(replica)

    def _down(self, replica: Replica, error: str) -> None:
        self._dispatcher.mark_down(replica, error=error)

    def _find(self, replica: Replica, name: str) -> None:
        served = self._catalogue.get(name)
        if served is None:
            now = self._clock.now()
            served = self._catalogue.add(found_model(name, self._windows, self._settings, now))
            self._on_served(served)
        if all(member.replica is not replica for member in served.pool.members):
            served.pool.add(replica, model=name)


def _base_url(text: str) -> str:
    """Return an engine's base URL; one without a path gets the usual `/v1`."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsInvalid(f"engine {text!r} is not an http or https URL")
    return text.rstrip("/") if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1"


def _key(text: str | None) -> str | None:
    """Return an engine's key; `env:NAME` is looked up in the environment."""
    if text is None or not text.startswith("env:"):
        return text
    name = text.removeprefix("env:")
    if name not in os.environ:
        raise SettingsInvalid(f"the environment has no {name} for an engine's key")
    return os.environ[name]
