"""Keys: shown once, kept as a hash."""

from __future__ import annotations

import hashlib

from forebay.core.projects import KEY_PREFIX, hash_secret, hint_of, new_secret


def test_a_key_has_the_prefix_and_256_random_bits() -> None:
    secret = new_secret()
    assert secret.startswith(KEY_PREFIX)
    assert len(secret.removeprefix(KEY_PREFIX)) == 43


def test_no_two_keys_are_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100


def test_a_key_is_found_by_its_hash() -> None:
    assert hash_secret("fb-abc") == hashlib.sha256(b"fb-abc").hexdigest()
    assert hash_secret("fb-abc") != hash_secret("fb-abd")


def test_the_hint_is_the_last_four_characters() -> None:
    assert hint_of("fb-0123456789") == "6789"
