"""Signatures as Standard Webhooks has them, which the vendors' SDKs verify.

Signed are the event's id, the time of the try and the body; a secret that is being replaced signs,
too, so that receivers may take their time to learn the new one.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from forebay.core.clock import Instant, seconds_of

PREFIX = "whsec_"
SECRET_BYTES = 32
HINT_CHARACTERS = 4

Draw = Callable[[int], bytes]
"""Returns so many random bytes."""


def new_signing_secret(draw: Draw = secrets.token_bytes) -> str:
    """Return a fresh secret, to be shown once."""
    return PREFIX + b64encode(draw(SECRET_BYTES)).decode()


def hint_of(secret: str) -> str:
    """Return what may be shown of a secret again: its beginning, that all have, and its end."""
    return f"{PREFIX}...{secret[-HINT_CHARACTERS:]}"


def signed_headers(
    event_id: str, body: bytes, *, now: Instant, secrets: Sequence[str] = ()
) -> dict[str, str]:
    """Return the headers that name and date a try; with secrets, signed by each of them."""
    seconds = seconds_of(now)
    headers = {"webhook-id": event_id, "webhook-timestamp": str(seconds)}
    if secrets:
        at, text = datetime.fromtimestamp(seconds, UTC), body.decode()
        signatures = [Webhook(secret).sign(event_id, at, text) for secret in secrets]
        headers["webhook-signature"] = " ".join(signatures)
    return headers
