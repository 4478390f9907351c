"""The server's secret key: seals what is kept encrypted, such as webhook tokens."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from forebay.core.errors import ForebayError

NONCE_BYTES = 12


class SealBroken(ForebayError):
    """What was sealed cannot be opened with this secret key."""

    code = "seal_broken"


class Seal:
    """Encrypts short texts with AES-256-GCM under a key derived from the server's secret."""

    def __init__(self, secret: bytes) -> None:
        derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"forebay seal v1")
        self._cipher = AESGCM(derivation.derive(secret))

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
