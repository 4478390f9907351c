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
        "https://[:]",
        "http://[99999::1]/x",
        "https://[::1]@",
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


@pytest.mark.parametrize(
    "url",
    [
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://\u2460\u2461\u2466.0.0.1/",  # 127 in circled digits
    ],
)
def test_an_address_in_a_hidden_form_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidParameter, match="not allowed here"):
        check_webhook_url(url, AddressGuard(()))


@pytest.mark.parametrize(
    "url",
    ["https://user@example.com/", "https://user:pass@example.com/", "http://8.8.8.8@127.0.0.1/"],
)
def test_a_url_with_a_user_in_it_is_refused_and_the_user_not_told(url: str) -> None:
    with pytest.raises(InvalidParameter, match="user name") as refused:
        check_webhook_url(url, AddressGuard(ALLOWED))
    assert "user:" not in str(refused.value) and "8.8.8.8" not in str(refused.value)


def test_the_field_is_named_as_its_caller_knows_it() -> None:
    with pytest.raises(InvalidParameter, match="'url' must be") as refused:
        check_webhook_url("ftp://example.com", AddressGuard(()), param="url")
    assert refused.value.param == "url"
