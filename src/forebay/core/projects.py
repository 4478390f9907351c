"""Projects own everything; keys let their holders act for one project.

A key is shown once. What is kept is the SHA-256 of it: it holds 256 random bits, so a slow hash
would add nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from forebay.core.clock import Instant

KEY_PREFIX = "fb-"
DEFAULT_PROJECT = "proj_default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key. `hint` is its last four characters, for people to recognise it."""

    id: str
    project_id: str
    name: str
    hash: str
    hint: str
    is_admin: bool
    created_at: Instant
    revoked_at: Instant | None = None


def new_secret() -> str:
    """Return a fresh key of 32 random bytes, to be shown once."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Return the hexadecimal SHA-256 under which a key is kept and found."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hint_of(secret: str) -> str:
    """Return the part of a key that may be shown again."""
    return secret[-4:]
