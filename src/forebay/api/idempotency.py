"""`Idempotency-Key`, as callers send it: the key, and the print of what they ask for."""

from __future__ import annotations

import hashlib
from typing import Protocol

from starlette.requests import Request

from forebay.api.body import BodyLimits, whole_body
from forebay.api.keys import Headers
from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object
from forebay.lanes.admission import Caller
from forebay.store.reservations import KeyUse

NAMES = (b"idempotency-key", b"anthropic-idempotency-key")
MAX_CHARACTERS = 255


class Sha256(Protocol):
    """A SHA-256 that is being taken."""

    def update(self, piece: bytes, /) -> None:
        """Add bytes."""
        ...

    def hexdigest(self) -> str:
        """Return it as it is now."""
        ...


def idempotency_key(headers: Headers) -> str | None:
    """Return the idempotency key that the caller sent; raises `InvalidParameter` for a wrong one.

    Under both names, or twice, it has to be the same.
    """
    found: bytes | None = None
    for name, value in headers:
        if name in NAMES:
            if found is not None and value != found:
                raise InvalidParameter("Two idempotency keys were sent.", param="Idempotency-Key")
            found = value
    return None if found is None else _checked(found)


def key_use(
    key: str | None, caller: Caller, route: str, body: bytes, *, window: str | None = None
) -> KeyUse | None:
    """Return the use that the caller makes of a key, if there is one, on the path `route`.

    `window` is the one that a header names: it is a part of what is asked for.
    """
    if key is None:
        return None  # and no body is hashed for nothing
    return print_use(key, caller, route, hashlib.sha256(body), window=window)


def print_use(
    key: str | None, caller: Caller, route: str, body: Sha256, *, window: str | None = None
) -> KeyUse | None:
    """Return the same of a body that nobody holds: its SHA-256, to which nothing is added later."""
    if key is None:
        return None
    if window is not None:
        # No JSON has the byte that stands between them.
        body.update(b"\0" + window.encode())
    return KeyUse(
        project_id=caller.project_id,
        key_id=caller.key_id,
        route=route,
        idempotency_key=key,
        fingerprint=body.hexdigest(),
    )


async def keyed_body(
    request: Request, caller: Caller, route: str, limits: BodyLimits
) -> tuple[JsonObject, KeyUse | None]:
    """Return the JSON object that is asked with, and the use that is made of a key, if any.

    Raises as `idempotency_key`, `whole_body` and `decode_object` do.
    """
    key = idempotency_key(request.headers.raw)
    content = await whole_body(request.headers.raw, request.receive, limits)
    return decode_object(content), key_use(key, caller, route, content)


def refuse_idempotency_key(headers: Headers, reason: str) -> None:
    """Raise `UnsupportedParameter` for an idempotency key where none can be kept to."""
    if idempotency_key(headers) is not None:
        raise UnsupportedParameter("Idempotency-Key", reason)


def _checked(value: bytes) -> str:
    is_printable = all(0x20 <= byte <= 0x7E for byte in value)
    if not is_printable or not 1 <= len(value) <= MAX_CHARACTERS:
        raise InvalidParameter(
            f"An idempotency key has 1 to {MAX_CHARACTERS} printable ASCII characters.",
            param="Idempotency-Key",
        )
    return value.decode("ascii")
