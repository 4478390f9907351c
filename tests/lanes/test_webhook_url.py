"""Webhook URLs: what can never be delivered is refused at once."""

from __future__ import annotations

import ipaddress

import pytest

from forebay.core.errors import InvalidParameter
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.webhook_url import check_webhook_url

ALLOWED = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/done?id=1",
        "http://hooks.example.com:8443/",
        "https://8.8.8.8/",
        "http://[2606:4700::1111]/",
        "http://127.0.0.1:9000/hook",
    ],
)
def test_a_url_that_can_be_called_is_taken(url: str) -> None:
    check_webhook_url(url, AddressGuard(ALLOWED))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "ftp://example.com/",
        "https:///path",
        "http://example.com:99999/",
        "http://example.com:0/",
        "http://example.com:port/",
        "http://exam\nple.com/",
        "http://example.com/\x00",
        "http://example.com/a b",
        "http://[::1/",
    ],
)
def test_a_url_that_nobody_can_call_is_refused(url: str) -> None:
    with pytest.raises(InvalidParameter, match="must be an http or https URL") as refused:
        check_webhook_url(url, AddressGuard(ALLOWED))
    assert refused.value.param == "metadata.completion_webhook"


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://[::1]/", "http://[64:ff9b::10.0.0.1]/"]
)
def test_an_address_that_is_not_public_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidParameter, match="not allowed here"):
        check_webhook_url(url, AddressGuard(ALLOWED))
