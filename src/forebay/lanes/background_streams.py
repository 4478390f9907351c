"""The streams of background responses, for any number of readers, live and after their end.

A reader is shown what is on disk, and nothing else: so a number never means two things, and a
reader that comes back with its cursor, to whichever process, misses nothing. One that reads live
where the response runs is handed each group when it is kept, and need not look it up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from forebay.dialects.wire import DONE
from forebay.lanes.wake import woken
from forebay.store.events import EventGroup
from forebay.store.signals import Topic
from forebay.store.store import Store

LOOK_AGAIN_S = 5.0  # the net under the signals
GROUPS_AT_ONCE = 64
END_OF_EVENT = b"\n\n"


class _Reader:
    """One that reads live; a slow one is handed so much, and looks the rest up."""

    def __init__(self) -> None:
        self.handed: deque[EventGroup] = deque()
        self.must_look = True
        self.wake = asyncio.Event()

    def hand(self, group: EventGroup) -> None:
        if len(self.handed) < GROUPS_AT_ONCE:
            self.handed.append(group)
        else:
            self.must_look = True
        self.wake.set()

    def look(self) -> None:
        self.must_look = True
        self.wake.set()

    def take(self, number: int) -> EventGroup | None:
        """Return the group behind that number, if it was handed over and nothing is missing."""
        while self.handed:
            group = self.handed.popleft()
            if group.first_number == number + 1:
                return group
            if group.last_number > number:
                self.handed.clear()
                self.must_look = True
        return None


class BackgroundStreams:
    """The streams over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._readers: dict[str, list[_Reader]] = {}

    def show(self, request_id: str, group: EventGroup) -> None:
        """Hand a group that has just been kept to whoever reads the stream, here or elsewhere."""
        for reader in self._readers.get(request_id, ()):
            reader.hand(group)
        self._store.signals.tell_others(Topic.CHANGED, request_id)

    async def follow(self, request_id: str, *, number: int) -> AsyncGenerator[bytes, None]:
        """Yield the events behind that number as they are kept, then `[DONE]` once it has ended."""
        with self._reading(request_id) as reader:
            while True:
                reader.wake.clear()
                while (group := reader.take(number)) is not None:
                    yield group.events
                    number = group.last_number
                if not reader.must_look:
                    if not await woken(reader.wake, within_s=LOOK_AGAIN_S):
                        reader.must_look = True
                    continue
                reader.must_look = False
                # Asked first: what ends a request keeps its last events in the same transaction.
                has_ended = await self._store.requests.has_ended(request_id)
                groups = await self._store.events.following(
                    request_id, number=number, limit=GROUPS_AT_ONCE
                )
                if groups:
                    reader.must_look = True
                    yield b"".join(behind(group, number) for group in groups)
                    number = groups[-1].last_number
                elif has_ended:
                    yield DONE
                    return

    async def kept(self, request_id: str) -> bytes:
        """Return every event that is kept of a request."""
        events: list[bytes] = []
        number = -1
        while groups := await self._store.events.following(
            request_id, number=number, limit=GROUPS_AT_ONCE
        ):
            events += [group.events for group in groups]
            number = groups[-1].last_number
        return b"".join(events)

    @contextmanager
    def _reading(self, request_id: str) -> Iterator[_Reader]:
        reader = _Reader()
        reading = self._readers.setdefault(request_id, [])
        reading.append(reader)
        try:
            with self._store.signals.calling(Topic.CHANGED, request_id, reader.look):
                yield reader
        finally:
            reading.remove(reader)
            if not reading:
                self._readers.pop(request_id, None)


def behind(group: EventGroup, number: int) -> bytes:
    """Return the events of a group with greater numbers than that one."""
    seen = number - group.first_number + 1
    if seen <= 0:
        return group.events
    # Events hold JSON, in which no line is empty.
    return group.events.split(END_OF_EVENT, seen)[seen]
