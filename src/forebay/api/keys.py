"""Who calls: the keys of the store, held in memory by their hashes.

A key may be made or revoked by another process. Revoking is final: what was read before it, and
comes in after it, changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from forebay.core.errors import NotAuthenticated, NotPermitted
from forebay.core.projects import ApiKey, hash_secret
from forebay.lanes.admission import Caller
from forebay.store.database import StoreFailed
from forebay.store.projects import Projects
from forebay.store.signals import Signals, Topic

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0  # should a signal be lost

Headers = Iterable[tuple[bytes, bytes]]


class KeyRing:
    """The live keys. A look-up is by SHA-256, so its time tells nothing about a key."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._callers: dict[str, Caller] = {}
        self._hashes: dict[str, str] = {}
        self._revoked: set[str] = set()
        self.update(keys)

    def update(self, keys: Iterable[ApiKey]) -> None:
        """Take over what is known of these keys."""
        for key in keys:
            if key.revoked_at is None:
                self.add(key)
            else:
                self.remove(key.id)

    async def follow(self, projects: Projects, signals: Signals) -> None:
        """Take over, until cancelled, what other processes do to the keys."""
        told = asyncio.Event()
        signals.on(Topic.KEYS, lambda _: told.set())
        while True:
            try:
                self.update(await projects.keys())
            except StoreFailed as error:
                log.warning("keys not read", extra={"reason": str(error)})
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await told.wait()
            except TimeoutError:
                pass
            told.clear()

    def add(self, key: ApiKey) -> None:
        """Let this key in from now on, unless it was revoked."""
        if key.id in self._revoked:
            return
        self._hashes[key.id] = key.hash
        self._callers[key.hash] = Caller(
            project_id=key.project_id, key_id=key.id, is_admin=key.is_admin
        )

    def remove(self, key_id: str) -> None:
        """Let this key in no more."""
        self._revoked.add(key_id)
        self._callers.pop(self._hashes.pop(key_id, ""), None)

    def authenticate(self, headers: Headers) -> Caller:
        """Return who calls, by `Authorization: Bearer` or `x-api-key`.

        Raises `NotAuthenticated` when there is no key, or none that is known.
        """
        secret = ""
        for name, value in headers:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                secret = value[7:].strip().decode("latin-1")
                break
            if name == b"x-api-key":
                secret = value.strip().decode("latin-1")
        if not secret:
            raise NotAuthenticated(
                "You didn't provide an API key. Send it as 'Authorization: Bearer KEY' or as "
                "'x-api-key: KEY'."
            )
        caller = self._callers.get(hash_secret(secret))
        if caller is None:
            raise NotAuthenticated("Incorrect API key provided.")
        return caller

    def authenticate_admin(self, headers: Headers) -> Caller:
        """Return who calls; raises `NotPermitted` unless the key is an admin's."""
        caller = self.authenticate(headers)
        if not caller.is_admin:
            raise NotPermitted("This needs an admin key.")
        return caller
