"""Probes: the process lives, and whether it can serve calls."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from forebay.api.health import health_routes
from forebay.core.clock import Instant
from forebay.core.engine_errors import EngineBusy, EngineUnavailable
from forebay.core.models import Model
from forebay.core.money import PriceList
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.engines.breaker import Breaker
from forebay.engines.pool import Replica
from forebay.lanes.catalogue import Catalogue
from forebay.settings import Settings
from forebay.store.database import Operation, Row, StoreFailed, T, Value
from forebay.store.projects import Projects
from forebay.store.signals import Signals
from tests.api.conftest import BASE_URL, KEY, MODEL, Front
from tests.api.transport import AppTransport
from tests.fakes import CountingIds, ManualClock, ScriptedEngine


class BrokenDatabase:
    """A database whose disk is gone."""

    async def write(self, operation: Operation[T]) -> T:
        raise StoreFailed("no disk")

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        raise StoreFailed("no disk")

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        raise StoreFailed("no disk")

    async def close(self) -> None:
        pass


def catalogue_of(*replicas: Replica) -> Catalogue:
    """Return a catalogue of one model, which these replicas serve."""
    catalogue = Catalogue()
    model = Model(
        name=MODEL,
        aliases=(),
        windows=tuple(DEFAULT_WINDOWS),
        prices=PriceList(),
        currency="USD",
        created_at=Instant(0),
    )
    served = catalogue.add(model)
    for replica in replicas:
        served.pool.add(replica, model="tiny")
    return catalogue


def replica(*, is_up: bool) -> Replica:
    """Return a replica behind an address that nobody else need know."""
    breaker = Breaker().found() if is_up else Breaker().lost("its own words")
    return Replica("http://secret@engine/v1", ScriptedEngine(), slots=1, breaker=breaker)


async def asked(catalogue: Catalogue, path: str = "/ready") -> httpx2.Response:
    """Return what a service answers whose store is broken."""
    projects = Projects(
        BrokenDatabase(), clock=ManualClock(), new_id=CountingIds(), signals=Signals()
    )
    app = Starlette(routes=[*health_routes(catalogue, projects)])
    async with httpx2.AsyncClient(transport=AppTransport(app), base_url=BASE_URL) as http:
        return await http.get(path)


async def ready(front: Front) -> tuple[int, dict[str, Any]]:
    """Return the readiness of a service, asked without a key."""
    answer = await front.http.get("/ready", headers={"authorization": ""})
    return answer.status_code, answer.json()


async def test_a_process_that_answers_lives(front: Front) -> None:
    answer = await front.http.get("/health", headers={"authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_service_with_a_store_and_a_replica_is_ready(front: Front) -> None:
    assert await ready(front) == (
        200,
        {
            "status": "ready",
            "reason": None,
            "store": "up",
            "models": {
                MODEL: {"is_ready": True, "replicas": 1, "replicas_up": 1, "replicas_paused": 0}
            },
        },
    )


class TestWithoutAnEngine:
    """The engine of this service has never answered."""

    @pytest.fixture
    def engine(self) -> ScriptedEngine:
        engine = ScriptedEngine()
        engine.probe_error = EngineUnavailable("connection to http://secret@engine refused")
        return engine

    async def test_a_service_whose_replicas_are_down_is_not_ready(self, front: Front) -> None:
        status, body = await ready(front)
        assert (status, body["status"]) == (503, "not_ready")
        assert body["reason"] == "no replica of any model is up"
        assert body["models"][MODEL]["replicas_up"] == 0

    async def test_it_lives_all_the_same(self, front: Front) -> None:
        assert (await front.http.get("/health")).status_code == 200


class TestWithoutModels:
    """No engine is configured at all."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return Settings(data_dir=settings.data_dir, api_key=KEY)

    async def test_a_service_without_models_is_not_ready(self, front: Front) -> None:
        status, body = await ready(front)
        assert (status, body["models"]) == (503, {})
        assert body["reason"] == "no engine has told which models it serves"


async def test_a_service_whose_store_does_not_answer_is_not_ready() -> None:
    answer = await asked(catalogue_of(replica(is_up=True)))
    assert answer.status_code == 503
    assert answer.json()["store"] == "down"
    assert answer.json()["reason"] == "the store does not answer"


async def test_it_lives_without_its_store() -> None:
    assert (await asked(catalogue_of(), "/health")).status_code == 200


async def test_a_model_is_ready_while_one_of_its_replicas_is_up() -> None:
    answer = await asked(catalogue_of(replica(is_up=False), replica(is_up=True)))
    state = answer.json()["models"][MODEL]
    assert state == {"is_ready": True, "replicas": 2, "replicas_up": 1, "replicas_paused": 0}


async def test_a_model_whose_replica_pauses_is_ready_and_says_so() -> None:
    busy = replica(is_up=True)
    busy.breaker = busy.breaker.failed(EngineBusy("full"), 0, is_trial=False, now_s=0.0)
    answer = await asked(catalogue_of(busy))
    state = answer.json()["models"][MODEL]
    assert state == {"is_ready": True, "replicas": 1, "replicas_up": 1, "replicas_paused": 1}


async def test_readiness_tells_no_address_and_no_words_of_an_engine() -> None:
    answer = await asked(catalogue_of(replica(is_up=False)))
    assert "secret" not in answer.text
    assert "own words" not in answer.text
