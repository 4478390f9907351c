"""Background: an id at once, the answer later.

The row is on disk before the id is given out. What runs it is the `BackgroundWorker`; this is what
callers do: submit, look, cancel, delete.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from forebay.core.clock import Clock, Instant, after, seconds_of
from forebay.core.errors import ForebayError, NotFound, RequestRejected
from forebay.core.lanes import Lane
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import DialectName, Outcome
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.admission import Accepted, Admission, Caller
from forebay.lanes.contexts import Contexts
from forebay.lanes.secret import Seal
from forebay.lanes.submission import new_request
from forebay.lanes.webhook_url import check_webhook_url
from forebay.store.requests import RequestRecord
from forebay.store.store import Store


class Runner(Protocol):
    """Whoever runs what was submitted."""

    def wake(self, model: str) -> None:
        """Look for waiting work of this model."""
        ...

    def abort(self, request_id: str) -> None:
        """End the running turn of this request, if it runs here."""
        ...


class Outbox(Protocol):
    """Whoever delivers webhooks."""

    def wake(self) -> None:
        """Look for deliveries that are due."""
        ...


class Background:
    """The use cases of stored responses."""

    def __init__(
        self,
        admission: Admission,
        contexts: Contexts,
        store: Store,
        runner: Runner,
        outbox: Outbox,
        *,
        clock: Clock,
        seal: Seal,
        guard: AddressGuard,
        expiry_s: float,
    ) -> None:
        self._admission = admission
        self._contexts = contexts
        self._store = store
        self._runner = runner
        self._outbox = outbox
        self._clock = clock
        self._seal = seal
        self._guard = guard
        self._expiry_s = expiry_s

    async def submit(self, accepted: Accepted) -> JsonObject:
        """Keep the request durably, then return it as queued."""
        metadata = accepted.call.wishes.metadata
        webhook_url = metadata.get("completion_webhook")
        if webhook_url is not None:
            check_webhook_url(webhook_url, self._guard)
        token = metadata.get("webhook_token")
        request = new_request(
            accepted,
            expires_at=after(accepted.call.created_at, self._expiry_s),
            webhook_url=webhook_url,
            webhook_token=None if token is None else self._seal.close(token),
        )
        await self._store.requests.enqueue(request)
        self._runner.wake(request.model)
        outcome = Outcome(
            status=RequestStatus.QUEUED,
            extension=shown_fields(accepted.window.name, accepted.deadline_at),
        )
        return accepted.dialect.final(accepted.call, outcome)

    async def take_over(self, accepted: Accepted) -> None:
        """Go on with a synchronous response whose caller was let go, under the id it was told."""
        request = new_request(
            msgspec.structs.replace(accepted, lane=Lane.BACKGROUND),
            expires_at=after(accepted.call.created_at, self._expiry_s),
        )
        await self._store.requests.enqueue(request)
        self._runner.wake(request.model)

    async def get(self, caller: Caller, request_id: str) -> bytes:
        """Return the response as JSON: byte for byte the same once it has ended."""
        request = await self._find(caller, request_id)
        if request.answer is not None:
            return request.answer
        return self._render(request, request.status)

    async def asked(self, caller: Caller, request_id: str) -> list[JsonObject]:
        """Return the input of the response as items: what it continued, and its own."""
        return await self._contexts.asked_by(caller, await self._find(caller, request_id))

    async def cancel(self, caller: Caller, request_id: str) -> bytes:
        """Cancel a background response; cancelling a cancelled one changes nothing.

        Raises `RequestRejected` when it has ended otherwise, or was not made in the background.
        """
        request = await self._find(caller, request_id)
        if request.lane is not Lane.BACKGROUND:
            raise RequestRejected("Cannot cancel a synchronous response.")
        now = self._clock.now()
        answer = self._render(request, RequestStatus.CANCELLED)
        if await self._store.requests.cancel(request, finished_at=now, answer=answer):
            self._runner.abort(request_id)
            self._outbox.wake()
            return answer
        ended = await self._find(caller, request_id)
        if ended.status is not RequestStatus.CANCELLED:
            raise RequestRejected(f"Cannot cancel a {ended.status.value} response.")
        assert ended.answer is not None
        return ended.answer

    async def delete(self, caller: Caller, request_id: str) -> None:
        """Forget a response that has ended; raises `RequestRejected` for one that has not.

        What others continue is only hidden until they are gone: it is part of what they say.
        """
        request = await self._find(caller, request_id)
        if not await self._store.stored_requests.delete(caller.project_id, request.id):
            raise RequestRejected("Cannot delete an in-flight response.")

    def _render(self, request: RequestRecord, status: RequestStatus) -> bytes:
        call, dialect = self._admission.recall(request)
        fields = shown_fields(
            request.completion_window, request.deadline_at, attempt=request.attempt
        )
        return encode(dialect.final(call, Outcome(status=status, extension=fields)))

    async def _find(self, caller: Caller, request_id: str) -> RequestRecord:
        request = await self._store.requests.get(caller.project_id, request_id)
        if request is None or request.dialect != DialectName.RESPONSES:
            raise NotFound(f"Response with id '{request_id}' not found.")
        return request


def shown_fields(window: str, deadline_at: Instant, *, attempt: int = 0) -> JsonObject:
    """Return the fields under `forebay` of a response without a charge; `attempt` counts from 1."""
    fields: JsonObject = {"window": window, "deadline_at": seconds_of(deadline_at)}
    if attempt:
        fields["attempt"] = attempt
    return fields


def failed_answer(
    admission: Admission, request: RequestRecord, error: ForebayError, *, finished_at: Instant
) -> bytes:
    """Return the final object of a request that failed with `error`."""
    call, dialect = admission.recall(request)
    fields = shown_fields(request.completion_window, request.deadline_at, attempt=request.attempt)
    outcome = Outcome(
        status=RequestStatus.FAILED, finished_at=finished_at, error=error, extension=fields
    )
    return encode(dialect.final(call, outcome))
