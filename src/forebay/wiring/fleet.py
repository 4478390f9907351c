"""The fleet: engines as replicas in pools, each watched; engines tell which models they serve."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from forebay.core.clock import Clock
from forebay.engines.embedded import EmbeddedEngine
from forebay.engines.embedded_options import EmbeddedOptions
from forebay.engines.health import HealthWatch
from forebay.engines.http import HttpEngine, HttpEngineOptions
from forebay.engines.known_models import DEFAULT_MODEL
from forebay.engines.pool import Replica
from forebay.lanes.catalogue import Catalogue, Served
from forebay.scheduler.dispatcher import Dispatcher
from forebay.settings import ModelSettings, Settings, SettingsInvalid
from forebay.wiring.doors import OpenEngine
from forebay.wiring.models import configured_model, embedded_model, found_model, windows_of

# llama.cpp sees a closed connection during a long prompt only where it would write something.
EMBEDDED_EXTRA: dict[str, object] = {"return_progress": True}

EMBEDDED = "embedded"


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
        self._embedded: EmbeddedEngine | None = None
        self._has_address = asyncio.Event()
        for name, model in settings.models.items():
            self._add_configured(name, model)
        for url in settings.engines:
            self._add_finding(url)
        if weights is not None:
            self._add_embedded(weights)

    async def run(self) -> None:
        """Keep the engines alive and watched for ever, then let go of them."""
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._embedded is not None:
                    tasks.create_task(self._embedded.run())
                for replica in self._replicas.values():
                    tasks.create_task(self._watch_over(replica))
        finally:
            for replica in self._replicas.values():
                await replica.engine.close()

    async def _watch_over(self, replica: Replica) -> None:
        if replica.name == EMBEDDED:
            await self._has_address.wait()
        await self._watches[replica.name].run()

    async def first_probes(self) -> None:
        """Return when it is known of every replica whether it is well."""
        for watch in self._watches.values():
            await watch.has_probed.wait()

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

    def _add_embedded(self, weights: Path) -> None:
        settings = self._settings
        name = DEFAULT_MODEL if settings.model is None else Path(settings.model).stem
        options = EmbeddedOptions(
            model_path=weights,
            alias=name,
            slots=settings.embedded_slots,
            slot_context_tokens=settings.embedded_context_tokens,
            threads=settings.embedded_threads,
            batch_threads=settings.embedded_batch_threads,
        )
        client = HttpEngine(
            HttpEngineOptions(
                url="http://127.0.0.1:9/v1",  # until the child tells where it listens
                extra=EMBEDDED_EXTRA,
                can_reuse_connections=False,
                stall_s=settings.engine_stall_s,
            )
        )
        replica = Replica(EMBEDDED, client, slots=settings.embedded_slots)
        embedded = EmbeddedEngine(
            options, on_address=lambda url: self._embedded_moved(replica, client, url)
        )
        self._embedded = embedded
        self._watch(replica)
        served = self._catalogue.add(
            embedded_model(name, self._windows, settings, self._clock.now())
        )
        served.pool.add(replica, model=name)
        self._on_served(served)

    def _embedded_moved(self, replica: Replica, client: HttpEngine, url: str | None) -> None:
        assert self._embedded is not None
        if url is None:
            self._dispatcher.mark_down(replica, error="the embedded engine is not running")
        else:
            client.move(url, self._embedded.api_key)
            self._has_address.set()
            self.trouble(replica)

    def _replica(self, url: str, *, key: str | None, slots: int | None = None) -> Replica:
        """Return the replica at this address; models that share one share its slots."""
        url = _base_url(url)
        replica = self._replicas.get(url)
        if replica is None:
            settings = self._settings
            options = HttpEngineOptions(url=url, key=key, stall_s=settings.engine_stall_s)
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
