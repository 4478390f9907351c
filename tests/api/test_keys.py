"""The ring of keys: what is revoked stays so, whatever comes in late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.api.keys import KeyRing
from forebay.core.errors import NotAuthenticated
from forebay.core.projects import DEFAULT_PROJECT, ApiKey, hash_secret
from tests.fakes import START

SECRET = "fb-secret"
HEADERS = [(b"authorization", b"Bearer " + SECRET.encode())]
KEY = ApiKey(
    id="key_1",
    project_id=DEFAULT_PROJECT,
    name="any",
    hash=hash_secret(SECRET),
    hint="cret",
    is_admin=False,
    created_at=START,
)


def test_a_key_that_another_process_made_is_let_in() -> None:
    keys = KeyRing([])
    keys.update([KEY])
    assert keys.authenticate(HEADERS).key_id == "key_1"


def test_a_key_that_another_process_revoked_is_let_in_no_more() -> None:
    keys = KeyRing([KEY])
    keys.update([replace(KEY, revoked_at=START)])
    with pytest.raises(NotAuthenticated):
        keys.authenticate(HEADERS)


def test_an_older_look_at_the_keys_takes_no_new_one_away() -> None:
    keys = KeyRing([])
    keys.add(KEY)
    keys.update([])
    assert keys.authenticate(HEADERS).key_id == "key_1"


def test_an_older_look_at_the_keys_brings_no_revoked_one_back() -> None:
    keys = KeyRing([KEY])
    keys.remove(KEY.id)
    keys.update([KEY])
    with pytest.raises(NotAuthenticated):
        keys.authenticate(HEADERS)
