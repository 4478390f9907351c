"""Signatures: what the official libraries verify, by every secret that is good."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping

import openai
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from forebay.core.clock import Instant, SystemClock, after
from forebay.lanes.webhook_signature import (
    PREFIX,
    SECRET_BYTES,
    hint_of,
    new_signing_secret,
    signed_headers,
)

BODY = '{"type":"response.completed","data":{"id":"ü"}}'.encode()


def signed(*secrets: str, now: Instant | None = None) -> Mapping[str, str]:
    instant = SystemClock().now() if now is None else now
    return signed_headers("evt_1", BODY, now=instant, secrets=secrets)


def test_a_secret_is_long_random_and_has_the_usual_prefix() -> None:
    secret = new_signing_secret()
    assert secret.startswith(PREFIX)
    assert len(b64decode(secret.removeprefix(PREFIX))) == SECRET_BYTES
    assert secret != new_signing_secret()


def test_a_hint_tells_little() -> None:
    secret = new_signing_secret()
    assert hint_of(secret) == f"whsec_...{secret[-4:]}"


def test_the_libraries_verify_a_signature() -> None:
    secret = new_signing_secret()
    headers = dict(signed(secret))
    Webhook(secret).verify(BODY, headers)
    client = openai.OpenAI(api_key="none", webhook_secret=secret)
    client.webhooks.verify_signature(BODY, headers)


def test_both_secrets_verify_while_one_replaces_the_other() -> None:
    new, old = new_signing_secret(), new_signing_secret()
    headers = dict(signed(new, old))
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
    assert len(headers["webhook-signature"].split(" ")) == 2


def test_another_secret_does_not_verify() -> None:
    headers = dict(signed(new_signing_secret()))
    with pytest.raises(WebhookVerificationError):
        Webhook(new_signing_secret()).verify(BODY, headers)


def test_an_old_signature_is_of_no_use() -> None:
    secret = new_signing_secret()
    headers = dict(signed(secret, now=after(SystemClock().now(), -600)))
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(BODY, headers)


def test_a_call_without_secrets_is_named_and_dated() -> None:
    assert signed(now=Instant(5_999)) == {"webhook-id": "evt_1", "webhook-timestamp": "5"}
