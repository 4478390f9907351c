"""Background: an id at once, the answer later.

The row is on disk before the id is given out. What runs it is the `BackgroundWorker`, which may be
another process; this is what callers do to start and to stop it, and to read its stream.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from forebay.core.clock import Clock, after
from forebay.core.errors import InvalidParameter, RequestRejected
from forebay.core.lanes import Lane
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Outcome
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import JsonObject
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.admission import Accepted, Admission, Caller
from forebay.lanes.background_streams import BackgroundStreams
from forebay.lanes.contexts import Contexts
from forebay.lanes.rendering import cancelled, last_event, shown_fields, unanswered
from forebay.lanes.secret import Seal
from forebay.lanes.shown_tokens import ShownTokens
from forebay.lanes.stored_responses import found
from forebay.lanes.submission import new_request
from forebay.lanes.webhook_url import check_webhook_url
from forebay.store.database import Operation
from forebay.store.events import EventGroup
from forebay.store.store import Store


class Background:
    """The use cases of background responses."""

    def __init__(
        self,
        admission: Admission,
        contexts: Contexts,
        store: Store,
        streams: BackgroundStreams,
        shown_tokens: ShownTokens,
        *,
        clock: Clock,
        seal: Seal,
        guard: AddressGuard,
        expiry_s: float,
    ) -> None:
        self._admission = admission
        self._contexts = contexts
        self._store = store
        self._streams = streams
        self._shown_tokens = shown_tokens
        self._clock = clock
        self._seal = seal
        self._guard = guard
        self._expiry_s = expiry_s

    async def submit(
        self, accepted: Accepted, *, first: Operation[None] | None = None
    ) -> JsonObject:
        """Keep the request durably, then return it as queued.

        The first events of a streamed one are on disk as well. `first` runs in the same
        transaction, and keeps it from happening by raising.
        """
        metadata = accepted.call.wishes.metadata
        webhook_url = metadata.get("completion_webhook")
        if webhook_url is not None:
            check_webhook_url(webhook_url, self._guard)
        token = metadata.get("webhook_token")
        return await self._enqueue(
            accepted,
            webhook_url=webhook_url,
            webhook_token=None if token is None else self._seal.close(token),
            first=first,
        )

    async def take_over(self, accepted: Accepted) -> None:
        """Go on with a synchronous response whose caller was let go, under the id it was told."""
        request = new_request(
            msgspec.structs.replace(accepted, lane=Lane.BACKGROUND),
            expires_at=after(accepted.call.created_at, self._expiry_s),
        )
        await self._store.requests.enqueue(request)

    async def retry(
        self,
        caller: Caller,
        request_id: str,
        *,
        new_id: str | None = None,
        first: Operation[None] | None = None,
    ) -> JsonObject:
        """Run a background response that has ended again, as a new one; returns that as queued.

        It has the same window, counted from now, and the same webhook; `new_id` names it. Raises
        `RequestRejected` for one that has not ended, or that cannot run any more.
        """
        ended = await found(self._store, caller, request_id)
        if ended.lane is not Lane.BACKGROUND:
            raise RequestRejected("Cannot retry a synchronous response.")
        if ended.answer is None:
            raise RequestRejected(f"Cannot retry a response that is {ended.status.value}.")
        context = await self._contexts.of_accepted(ended)
        accepted = self._admission.admit_again(ended, caller, context, request_id=new_id)
        return await self._enqueue(
            accepted,
            webhook_url=ended.webhook_url,
            webhook_token=ended.webhook_token,
            retry_of=ended.id,
            first=first,
        )

    async def events(
        self, caller: Caller, request_id: str, *, starting_after: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the kept events of a response, live and after its end, `[DONE]` last.

        With `starting_after`, only those with greater numbers. Raises `InvalidParameter`, before
        anything is yielded, for a response whose events are not kept.
        """
        request = await found(self._store, caller, request_id)
        if request.lane is not Lane.BACKGROUND:
            raise InvalidParameter(
                "This response cannot be streamed because it was not created with background=true.",
                param="stream",
            )
        if not request.is_streamed:
            raise InvalidParameter(
                "This response cannot be streamed because it was not created with stream=true.",
                param="stream",
            )
        number = -1 if starting_after is None else starting_after
        async for events in self._streams.follow(request_id, number=number):
            yield events

    async def cancel(self, caller: Caller, request_id: str) -> bytes:
        """Cancel a background response; cancelling a cancelled one changes nothing.

        Raises `RequestRejected` when it has ended otherwise, or was not made in the background.
        """
        request = await found(self._store, caller, request_id)
        if request.lane is not Lane.BACKGROUND:
            raise RequestRejected("Cannot cancel a synchronous response.")
        answer = unanswered(self._admission, request, RequestStatus.CANCELLED)
        is_cancelled = await self._store.requests.cancel(
            request,
            finished_at=self._clock.now(),
            answer=answer,
            last_event=last_event(self._admission, request, cancelled(request)),
        )
        if is_cancelled:
            await self._shown_tokens.account(request, RequestStatus.CANCELLED)
            return answer
        ended = await found(self._store, caller, request_id)
        if ended.status is not RequestStatus.CANCELLED:
            article = "an" if ended.status is RequestStatus.INCOMPLETE else "a"
            raise RequestRejected(f"Cannot cancel {article} {ended.status.value} response.")
        assert ended.answer is not None
        return ended.answer

    async def _enqueue(
        self,
        accepted: Accepted,
        *,
        webhook_url: str | None,
        webhook_token: bytes | None,
        retry_of: str | None = None,
        first: Operation[None] | None,
    ) -> JsonObject:
        window, deadline_at = accepted.window.name, accepted.deadline_at
        fields = shown_fields(window, deadline_at, retry_of=retry_of)
        outcome = Outcome(status=RequestStatus.QUEUED, extension=fields)
        request = new_request(
            accepted,
            expires_at=after(accepted.call.created_at, self._expiry_s),
            webhook_url=webhook_url,
            webhook_token=webhook_token,
            retry_of=retry_of,
            events=_first_events(accepted, outcome),
        )
        await self._store.requests.enqueue(request, first=first)
        return accepted.dialect.final(accepted.call, outcome)


def _first_events(accepted: Accepted, outcome: Outcome) -> EventGroup | None:
    if not accepted.call.wishes.is_streamed:
        return None
    assert isinstance(accepted.dialect, ResponsesDialect), "no other API has a background"
    events = accepted.dialect.queued(accepted.call, outcome)
    return EventGroup(first_number=0, last_number=1, events=events)
