"""Stored responses: what callers do with a response that they come back to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from forebay.core.errors import InvalidParameter, NotFound, RequestRejected
from forebay.core.windows import CompletionWindow
from forebay.dialects.dialect import DialectName
from forebay.dialects.lists import not_in_list, unknown_value
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.admission import Admission, Caller
from forebay.lanes.catalogue import Catalogue
from forebay.lanes.contexts import Contexts
from forebay.lanes.outlook import Outlook
from forebay.lanes.rendering import unanswered
from forebay.lanes.wake import woken
from forebay.store.request_records import RequestRecord
from forebay.store.response_lists import Wanted
from forebay.store.signals import Topic
from forebay.store.store import Store

LOOK_AGAIN_S = 5.0  # the net under the signals


class StoredResponses:
    """The use cases of stored responses."""

    def __init__(
        self,
        admission: Admission,
        catalogue: Catalogue,
        contexts: Contexts,
        outlook: Outlook,
        store: Store,
        *,
        windows: Sequence[CompletionWindow],
    ) -> None:
        self._admission = admission
        self._catalogue = catalogue
        self._contexts = contexts
        self._outlook = outlook
        self._store = store
        self._windows = tuple(window.name for window in windows)

    async def get(self, caller: Caller, request_id: str, *, wait_s: float = 0.0) -> bytes:
        """Return the response as JSON: byte for byte the same once it has ended.

        One that has not is waited for, until it has or the time is over.
        """
        request = await found(self._store, caller, request_id)
        if request.answer is None and wait_s > 0:
            await self._end_of(request_id, within_s=wait_s)
            request = await found(self._store, caller, request_id)
        return await self._shown(request)

    async def page(
        self,
        caller: Caller,
        wanted: Wanted,
        *,
        after: str | None,
        limit: int,
        is_oldest_first: bool,
    ) -> bytes:
        """Return a page of the responses that are wanted, each as `get` shows it.

        Raises `InvalidParameter` for a window that is not configured, and for an `after` that was
        never there.
        """
        wanted = self._checked(wanted)
        ids = await self._store.response_lists.page(
            caller.project_id,
            wanted,
            after=after,
            limit=limit + 1,
            is_oldest_first=is_oldest_first,
        )
        if ids is None:
            assert after is not None, "only that can be missing"
            raise not_in_list("response", after)
        shown: dict[str, bytes] = {}
        # One after the other: what was asked, which is read along, may be large.
        for response_id in ids[:limit]:
            request = await self._store.requests.get(caller.project_id, response_id)
            if request is not None:
                shown[response_id] = await self._shown(request)
        first_id, last_id = (next(iter(shown)), next(reversed(shown))) if shown else (None, None)
        return encode(
            {
                "object": "list",
                "data": [msgspec.Raw(response) for response in shown.values()],
                "first_id": first_id,
                "last_id": last_id,
                "has_more": len(ids) > limit,
            }
        )

    async def check_events(self, caller: Caller, request_id: str) -> None:
        """Raise `InvalidParameter` for a streamed response whose events are kept no longer."""
        request = await found(self._store, caller, request_id)
        if not request.is_streamed or request.answer is None:
            return
        if not await self._store.events.following(request_id, number=-1, limit=1):
            raise InvalidParameter(
                "This response cannot be streamed because its events are no longer kept; the "
                "response itself is.",
                param="stream",
            )

    async def asked(self, caller: Caller, request_id: str) -> list[JsonObject]:
        """Return the input of the response as items: what it continued, and its own."""
        request = await found(self._store, caller, request_id)
        return await self._contexts.asked_by(caller, request)

    async def delete(self, caller: Caller, request_id: str) -> None:
        """Forget a response that has ended; raises `RequestRejected` for one that has not.

        What others continue is only hidden until they are gone: it is part of what they say.
        """
        request = await found(self._store, caller, request_id)
        if not await self._store.stored_requests.delete(caller.project_id, request.id):
            raise RequestRejected("Cannot delete an in-flight response.")

    async def _shown(self, request: RequestRecord) -> bytes:
        if request.answer is not None:
            return request.answer
        fields = await self._outlook.fields(request)
        return unanswered(self._admission, request, request.status, **fields)

    async def _end_of(self, request_id: str, *, within_s: float) -> None:
        """Return when the request has ended, or when the time is over."""
        with self._store.signals.watch(Topic.CHANGED, request_id) as changed:
            try:
                async with asyncio.timeout(within_s):
                    while not await self._store.requests.has_ended(request_id):
                        await woken(changed, within_s=LOOK_AGAIN_S)
                        changed.clear()
            except TimeoutError:
                pass

    def _checked(self, wanted: Wanted) -> Wanted:
        """Return what is wanted with the model's own name in the place of an alias."""
        if wanted.window is not None and wanted.window not in self._windows:
            raise unknown_value("window", wanted.window, self._windows)
        # A model that is not served now may have been when responses were made with it.
        served = None if wanted.model is None else self._catalogue.get(wanted.model)
        return wanted if served is None else replace(wanted, model=served.model.name)


async def found(store: Store, caller: Caller, request_id: str) -> RequestRecord:
    """Return the caller's response of that id; raises `NotFound`."""
    request = await store.requests.get(caller.project_id, request_id)
    if request is None or request.dialect != DialectName.RESPONSES:
        raise NotFound(f"Response with id '{request_id}' not found.")
    return request
