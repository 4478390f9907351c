"""The bridge between the signals of processes that share a database: LISTEN and NOTIFY.

What is sent while the last notification was on its way goes out together. A bridge that lost its
connection connects again, sends what gathered meanwhile, and lets its own process look at whatever
others may have changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from forebay.store.postgres_connection import (
    CLOSE_S,
    DATABASE_ERRORS,
    Connection,
    DatabaseUnusable,
    connect,
)
from forebay.store.signals import Signals, Topic

log = logging.getLogger(__name__)

CHANNEL = "forebay"
MAX_BYTES = 7999  # in one notification, by PostgreSQL's rule
MAX_WAITING = 100_000  # what is beyond is found by those who look again
LOOK_S = 20.0  # between two looks whether a silent connection still stands
AGAIN_S = 0.5  # between two tries to connect

PLAIN = (Topic.OWED, Topic.KEYS, Topic.BATCHES, Topic.RECORDED)  # those that need no subject

TOPICS = frozenset(topic.value for topic in Topic)

Signal = tuple[str, str]


class PostgresSignals:
    """Carries the signals of this process to the others, and theirs to this one."""

    def __init__(self, url: str, signals: Signals, connection: Connection) -> None:
        self._url = url
        self._signals = signals
        self._waiting: dict[Signal, None] = {}
        self._woken = asyncio.Event()
        self._is_closed = False
        signals.carry(self._carry)
        self._carrying = asyncio.create_task(self._run(connection), name="forebay-postgres-signals")

    @classmethod
    async def open(cls, url: str, signals: Signals) -> PostgresSignals:
        """Listen and carry from now on; raises `DatabaseUnusable`."""
        connection = await connect(url)
        bridge = cls(url, signals, connection)
        await bridge._listen(connection)
        return bridge

    async def close(self) -> None:
        """Send what still waits, if the database takes it, and end."""
        self._is_closed = True
        self._woken.set()
        await asyncio.wait([self._carrying], timeout=CLOSE_S)
        self._carrying.cancel()
        with suppress(asyncio.CancelledError):
            await self._carrying

    def _carry(self, topic: Topic, subject: str) -> None:
        if len(self._waiting) < MAX_WAITING:
            self._waiting[topic.value, subject] = None
            self._woken.set()

    async def _run(self, connection: Connection) -> None:
        try:
            while True:
                try:
                    return await self._speak(connection)
                except Exception as error:
                    # Whatever it is: without this task no other process is heard any more.
                    log.warning("signals lost", extra={"reason": str(error)})
                    connection.terminate()
                connection = await self._connected_again()
                for topic in PLAIN:
                    asyncio.get_running_loop().call_soon(self._signals.deliver, topic, "")
        finally:
            connection.terminate()

    async def _connected_again(self) -> Connection:
        while True:
            with suppress(DatabaseUnusable, *DATABASE_ERRORS):
                connection = await connect(self._url)
                await self._listen(connection)
                return connection
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, connection: Connection) -> None:
        own = connection.get_server_pid()

        def hear(_: object, sender: int, channel: str, payload: object) -> None:
            if sender != own:
                self._hear(str(payload))

        connection.add_termination_listener(lambda _: self._woken.set())
        await connection.add_listener(CHANNEL, hear)

    def _hear(self, payload: str) -> None:
        try:
            signals = msgspec.json.decode(payload, type=list[Signal])
        except msgspec.MsgspecError:
            log.warning("signal not understood")
            return
        for name, subject in signals:
            # A newer version may know more topics.
            if name in TOPICS:
                self._signals.deliver(Topic(name), subject)

    async def _speak(self, connection: Connection) -> None:
        """Send what comes, until this is closed; raises when the connection is lost."""
        while self._waiting or not self._is_closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._woken.wait()
            self._woken.clear()
            if connection.is_closed():
                raise ConnectionResetError("the connection was closed")
            if self._waiting:
                await self._send(connection)
            else:
                await connection.execute("SELECT 1")

    async def _send(self, connection: Connection) -> None:
        taken, self._waiting = self._waiting, {}
        try:
            for payload in payloads(taken):
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        except BaseException:
            self._waiting = taken | self._waiting
            raise


def payloads(signals: Iterable[Signal]) -> Iterator[str]:
    """Return the signals as texts, as many in each as one notification holds.

    One that is too large for any is left out: it is found by those who look again.
    """
    together: list[bytes] = []
    size = 1  # of the bracket; with each there is a comma, or the bracket at the end
    for signal in signals:
        encoded = msgspec.json.encode(signal)
        if 1 + len(encoded) + 1 > MAX_BYTES:
            continue
        if size + len(encoded) + 1 > MAX_BYTES:
            yield _list_of(together)
            together, size = [], 1
        together.append(encoded)
        size += len(encoded) + 1
    if together:
        yield _list_of(together)


def _list_of(encoded: list[bytes]) -> str:
    return f"[{b','.join(encoded).decode()}]"
