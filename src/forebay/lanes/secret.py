"""The server's secret key: seals what is kept encrypted, here or by callers.

Each use derives a key of its own from the one secret.
"""

from __future__ import annotations

import os
from base64 import b64decode, urlsafe_b64encode
from copy import copy

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from forebay.core.errors import ForebayError

NONCE_BYTES = 12

PREFIX = "fb1."
"""What every sealed text begins with: ours, in the first way of sealing."""


class SealBroken(ForebayError):
    """What was sealed cannot be opened with this secret key."""

    code = "seal_broken"


class Seal:
    """Encrypts short texts with AES-256-GCM under a key derived from the server's secret."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(_derived(secret, purpose=b"forebay seal v1", length=32))

    def close(self, text: str) -> bytes:
        """Return the sealed text: nonce, ciphertext, tag."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), None)

    def open(self, sealed: bytes) -> str:
        """Return the text; raises `SealBroken` for another key's seal."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode()
        except InvalidTag:
            raise SealBroken("the secret key does not open what was sealed") from None


class TextCipher:
    """Seals what callers carry for us, such as thinking: AES-256-SIV, in URL-safe base64.

    The same text is always sealed to the same characters: that alone is told about it.
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(_derived(secret, purpose=b"forebay text cipher v1", length=64))
        self._bound_to = [PREFIX.encode()]

    def within(self, project_id: str) -> TextCipher:
        """Return the cipher of one project, which opens no other's seals."""
        bound = copy(self)
        bound._bound_to = [PREFIX.encode(), project_id.encode()]
        return bound

    def seal(self, text: str) -> str:
        """Return the sealed text."""
        sealed = self._cipher.encrypt(text.encode(), self._bound_to)
        return PREFIX + urlsafe_b64encode(sealed).decode()

    def unseal(self, text: str) -> str | None:
        """Return what was sealed; None for anything that this secret did not seal."""
        if not text.startswith(PREFIX):
            return None
        try:
            sealed = b64decode(text[len(PREFIX) :], altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed, self._bound_to).decode()
        except (ValueError, InvalidTag):
            return None


def _derived(secret: bytes, *, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret)
