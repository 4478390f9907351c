"""One call of a webhook: built, signed, guarded and made. What goes wrong is told, never raised.

What is told of a failure is shown to the endpoint's owner, so it never holds an address that a
name server of ours answered with, nor anything of what the receiver said.
"""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from yarl import URL

from forebay.core.clock import Clock, Instant
from forebay.core.errors import NotPermitted
from forebay.core.webhooks import Attempt
from forebay.dialects.webhook_events import event_body
from forebay.lanes.address_guard import AddressGuard, GuardedResolver
from forebay.lanes.name_lookup import LookUp
from forebay.lanes.secret import Seal, SealBroken
from forebay.lanes.webhook_schedule import wished_pause_s
from forebay.lanes.webhook_signature import signed_headers
from forebay.store.deliveries import Delivery

TRY_S = 30.0
GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a call. `wish_s` is the pause that the receiver asked for.

    `has_answered` is None when there was no call at all, for a reason that is not the receiver's.
    """

    attempt: Attempt
    has_answered: bool | None
    wish_s: float | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more calls, ever."""
        return self.attempt.status_code == GONE


@dataclass(frozen=True, slots=True)
class _Answer:
    status_code: int | None = None
    error: str | None = None
    has_answered: bool | None = False
    wish_s: float | None = None


class WebhookCalls:
    """Makes calls, each to an address that was checked. Its session is opened by the first."""

    def __init__(
        self, *, clock: Clock, seal: Seal, guard: AddressGuard, look_up: LookUp | None = None
    ) -> None:
        self._clock = clock
        self._seal = seal
        self._guard = guard
        self._look_up = look_up
        self._session: aiohttp.ClientSession | None = None
        self._resolver: GuardedResolver | None = None

    async def make(self, delivery: Delivery) -> Tried:
        """Call once, within `TRY_S`. Only 2xx is success; redirects are not followed."""
        began_at = self._clock.now()
        answer = await self._answer(delivery, began_at)
        attempt = Attempt(
            number=delivery.attempt,
            began_at=began_at,
            duration_ms=max(0, self._clock.now() - began_at),
            status_code=answer.status_code,
            error=answer.error,
        )
        return Tried(attempt=attempt, has_answered=answer.has_answered, wish_s=answer.wish_s)

    def not_made(self, delivery: Delivery, error: str) -> Tried:
        """Return the failure of a call that is not even tried."""
        attempt = Attempt(
            number=delivery.attempt,
            began_at=self._clock.now(),
            duration_ms=0,
            status_code=None,
            error=error,
        )
        return Tried(attempt=attempt, has_answered=None)

    async def close(self) -> None:
        """Close the session; calls under way fail."""
        session, resolver = self._session, self._resolver
        self._session = self._resolver = None
        if session is not None and resolver is not None:
            await session.close()
            await resolver.close()

    async def _answer(self, delivery: Delivery, now: Instant) -> _Answer:
        try:
            headers, body = self._message(delivery, now)
            # As it was written: a URL that is encoded anew may lead elsewhere.
            url = URL(delivery.url, encoded=delivery.url.isascii())
            self._guard.check_host(url.raw_host or "")
            return await self._post(url, headers, body)
        except SealBroken as error:
            return _Answer(error=str(error), has_answered=None)
        except NotPermitted:
            return _Answer(error="the address may not be called from here", has_answered=None)
        except TimeoutError:
            return _Answer(error=f"no answer within {TRY_S:g} s")
        except aiohttp.ClientConnectorDNSError:
            return _Answer(error="the host is not known")
        except aiohttp.ClientSSLError:
            return _Answer(error="no safe connection (TLS)")
        except aiohttp.ClientConnectorError:
            return _Answer(error="no connection")
        except (aiohttp.ClientError, OSError, ValueError):
            return _Answer(error="the connection broke, or what came was no HTTP")

    async def _post(self, url: URL, headers: dict[str, str], body: bytes) -> _Answer:
        async with self._open().post(
            url, data=body, headers=headers, allow_redirects=False
        ) as response:
            status = response.status
            if 200 <= status < 300:
                return _Answer(status_code=status, has_answered=True)
            wish_s = wished_pause_s(response.headers.get("Retry-After"), now=self._clock.now())
            return _Answer(status, f"status {status}", has_answered=True, wish_s=wish_s)

    def _message(self, delivery: Delivery, now: Instant) -> tuple[dict[str, str], bytes]:
        headers = {"Content-Type": "application/json", "User-Agent": "Forebay"}
        if delivery.endpoint_id is None:
            assert delivery.answer is not None, "only what has ended is owed"
            if delivery.token is not None:
                headers["Authorization"] = f"Bearer {self._seal.open(delivery.token)}"
            return headers | signed_headers(delivery.event_id, delivery.answer, now=now), (
                delivery.answer
            )
        body = event_body(
            delivery.event_id,
            delivery.event_type,
            subject_id=delivery.subject_id,
            created_at=delivery.created_at,
        )
        assert delivery.secret is not None, "every endpoint has one"
        secrets = [self._seal.open(sealed) for sealed in (delivery.secret, *delivery.old_secrets)]
        return headers | signed_headers(delivery.event_id, body, now=now, secrets=secrets), body

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, which belongs to the loop that asks for it first."""
        if self._session is None:
            self._resolver = GuardedResolver(self._guard, look_up=self._look_up)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=self._resolver,
                    use_dns_cache=False,
                    force_close=True,
                    limit=0,  # whoever asks for calls has limits, by receiver
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TRY_S),
                auto_decompress=False,
                trust_env=False,  # a proxy would resolve names past the guard
            )
        return self._session
