"""`Idempotency-Key`: not honoured yet, and so refused, for who sends one relies on it."""

from __future__ import annotations

from forebay.api.keys import Headers
from forebay.core.errors import UnsupportedParameter

NAMES = (b"idempotency-key", b"anthropic-idempotency-key")


def refuse_idempotency_key(headers: Headers) -> None:
    """Raise `UnsupportedParameter` when the caller sent an idempotency key."""
    for name, _ in headers:
        if name in NAMES:
            raise UnsupportedParameter("Idempotency-Key", "idempotency keys are not honoured yet")
