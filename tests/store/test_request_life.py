"""The life of requests, by chance: whatever is done to them in whatever order, the store agrees
with a model of it. Nothing settles or is charged twice, and nobody changes what he does not hold.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.store.database import Database
from forebay.store.local_blobs import LocalBlobs
from forebay.store.postgres import PostgresDatabase
from forebay.store.request_records import RequestRecord
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock
from tests.postgres_server import PostgresServer
from tests.store.life import Life, Lives
from tests.store.makers import completed, entry, new_request

LEASE_S = 60.0
EXPIRY_S = 600.0
HOOK = "https://example.com/hook"

Claim = tuple[int, RequestRecord]
seconds = st.sampled_from([0.5, 5.0, 59.0, 61.0, 400.0])


class RequestLife(RuleBasedStateMachine):
    """Does at random what callers, workers, crashes and time do."""

    requests: Bundle[str] = Bundle("requests")
    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.new_id = ManualClock(), CountingIds()
        self.lives = Lives()
        self.database, self.store = self.runner.run(self.begin())

    async def open(self) -> Database:
        """Open an empty database."""
        return SqliteDatabase(Path(self.folder.name) / "life.sqlite")

    async def begin(self) -> tuple[Database, Store]:
        """Open an empty store."""
        database = await self.open()
        store = build_store(
            database,
            LocalBlobs(Path(self.folder.name) / "blobs", new_id=self.new_id),
            clock=self.clock,
            new_id=self.new_id,
        )
        await store.projects.add_project(DEFAULT_PROJECT, name="default")
        return database, store

    def teardown(self) -> None:
        """Close the store."""
        self.runner.run(self.close())
        self.runner.close()
        self.folder.cleanup()

    async def close(self) -> None:
        """Close the database."""
        await self.database.close()

    @rule(target=requests, window_s=st.sampled_from([30.0, 300.0]))
    def enqueue(self, window_s: float) -> str:
        """A caller submits."""
        id, now = self.new_id("resp_"), self.clock.now()
        life = Life(id, after(now, window_s), after(now, EXPIRY_S))
        request = new_request(
            id,
            accepted_at=now,
            deadline_at=life.deadline_at,
            expires_at=life.expires_at,
            webhook_url=HOOK,
        )
        self.runner.run(self.store.requests.enqueue(request))
        self.lives.add(life)
        return id

    @rule(target=claims, limit=st.integers(1, 3))
    def claim(self, limit: int):  # type: ignore[no-untyped-def]  # hypothesis hides its type
        """A worker claims."""
        until = after(self.clock.now(), LEASE_S)
        found = self.runner.run(
            self.store.requests.claim("tiny", limit=limit, lease_expires_at=until)
        )
        expected = self.lives.claimable()[:limit]
        assert [request.id for request in found] == [life.id for life in expected]
        numbered = [
            (self.lives.claim(life, until=until), request)
            for life, request in zip(expected, found, strict=True)
        ]
        return multiple(*numbered)

    @rule(claim=claims)
    def settle(self, claim: Claim) -> None:
        """A worker ends what it claimed, if it still holds it."""
        number, request = claim
        life = self.lives.all[request.id]
        settlement = completed(charge=entry(request.id))
        try:
            self.runner.run(self.store.requests.settle(request, settlement))
        except LeaseLost:
            assert life.lease != number
        else:
            assert life.lease == number
            life.move(RequestStatus.COMPLETED)
            life.charge_count += 1

    @rule(
        claim=consumes(claims), pause_s=st.sampled_from([None, 1.0, 30.0]), is_counted=st.booleans()
    )
    def requeue(self, claim: Claim, pause_s: float | None, is_counted: bool) -> None:
        """A worker gives back what it claimed, if it still holds it."""
        number, request = claim
        life = self.lives.all[request.id]
        pause_end = None if pause_s is None else after(self.clock.now(), pause_s)
        try:
            self.runner.run(
                self.store.requests.requeue(request, not_before_at=pause_end, is_counted=is_counted)
            )
        except LeaseLost:
            assert life.lease != number
        else:
            assert life.lease == number
            life.move(RequestStatus.QUEUED)
            life.not_before_at = pause_end
            life.attempt -= 0 if is_counted else 1

    @rule(id=requests)
    def cancel(self, id: str) -> None:
        """A caller cancels, which wins over everything but an end."""
        request = self.kept(id)
        life = self.lives.all[id]
        is_done = self.runner.run(
            self.store.requests.cancel(
                request, finished_at=self.clock.now(), answer=b"{}", last_event=no_event
            )
        )
        assert is_done == (not life.has_ended)
        if is_done:
            life.move(RequestStatus.CANCELLED)

    @rule()
    def expire(self) -> None:
        """The expirer fails what waits beyond its expiry."""
        found = self.runner.run(self.store.requests.expired())
        now = self.clock.now()
        expected = {
            life.id
            for life in self.lives.all.values()
            if life.status is RequestStatus.QUEUED and life.expires_at <= now
        }
        assert {request.id for request in found} == expected
        for request in found:
            assert self.runner.run(
                self.store.requests.expire(
                    request, finished_at=now, answer=b"{}", last_event=no_event
                )
            )
            self.lives.all[request.id].move(RequestStatus.FAILED)

    @rule(seconds=seconds)
    def wait(self, seconds: float) -> None:
        """Time passes, and pauses that are over are ended."""
        self.clock.move(seconds)
        self.runner.run(self.store.requests.ripen("tiny"))
        self.lives.ripen(self.clock.now())

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        """A worker renews the lease of what it claimed, if it still holds it."""
        number, request = claim
        life = self.lives.all[request.id]
        assert request.lease_id is not None
        until = after(self.clock.now(), LEASE_S)
        alive = self.runner.run(self.store.leases.renew({request.lease_id: 1}, until=until))
        assert alive == ({request.lease_id} if life.lease == number else set())
        if alive:
            life.lease_expires_at = until

    @rule()
    def reap(self) -> None:
        """Leases that ran out are taken back."""
        taken = self.runner.run(self.store.leases.reap())
        assert taken == self.lives.take_back(before=self.clock.now())

    @rule()
    def crash(self) -> None:
        """The server dies and another one starts: every lease is void."""
        assert self.runner.run(self.store.leases.void_all()) == self.lives.take_back(before=None)

    @invariant()
    def agrees(self) -> None:
        """What is kept is what the model says."""
        for life in self.lives.all.values():
            request = self.kept(life.id)
            assert (request.status, request.attempt) == (life.status, life.attempt)
            assert (request.finished_at is not None) == life.has_ended
            if request.finished_at is not None:
                assert request.margin_ms == life.deadline_at - request.finished_at
        count, _, _ = self.runner.run(self.store.ledger.total(DEFAULT_PROJECT))
        assert count == sum(life.charge_count for life in self.lives.all.values())
        assert all(life.charge_count <= 1 for life in self.lives.all.values())

    def kept(self, id: str) -> RequestRecord:
        """Return a request as it is kept."""
        request = self.runner.run(self.store.requests.get(DEFAULT_PROJECT, id))
        assert request is not None
        return request


def no_event(number: int) -> bytes:
    """Return the event that no stream here has."""
    raise AssertionError("these requests are not streamed")


class RequestLifeOnPostgres(RequestLife):
    """The same on PostgreSQL."""

    server: PostgresServer

    async def open(self) -> Database:
        """Open an empty database."""
        self.url = await self.server.lend()
        return await PostgresDatabase.open(self.url)

    async def close(self) -> None:
        """Close the database, for another test."""
        await super().close()
        await self.server.take_back(self.url)


@pytest.fixture(scope="module", autouse=True)
def server(postgres_server: PostgresServer) -> None:
    """Give the machine its server: it cannot ask for fixtures itself."""
    RequestLifeOnPostgres.server = postgres_server


TestRequestLife = RequestLife.TestCase
TestRequestLifeOnPostgres = RequestLifeOnPostgres.TestCase
TestRequestLife.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestRequestLifeOnPostgres.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None
)
