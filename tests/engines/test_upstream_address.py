"""Which URLs lead to an engine, and what they put into a request's head."""

from __future__ import annotations

import pytest

from forebay.engines.upstream_address import UpstreamAddress


@pytest.mark.parametrize(
    ("url", "head"),
    [
        ("http://localhost:8000/v1", "GET /v1/models HTTP/1.1\r\nHost: localhost:8000\r\n"),
        ("http://Engine.Example/v1/", "GET /v1/models HTTP/1.1\r\nHost: engine.example\r\n"),
        ("https://engine.example:443", "GET /models HTTP/1.1\r\nHost: engine.example\r\n"),
        ("https://engine.example:80/v1", "GET /v1/models HTTP/1.1\r\nHost: engine.example:80\r\n"),
        ("http://[::1]:8000/v1", "GET /v1/models HTTP/1.1\r\nHost: [::1]:8000\r\n"),
        ("http://[2001:DB8::1]/v1", "GET /v1/models HTTP/1.1\r\nHost: [2001:db8::1]\r\n"),
        ("http://h/a b/é/%2F/v1", "GET /a%20b/%C3%A9/%2F/v1/models HTTP/1.1\r\nHost: h\r\n"),
        ("http://bücher.example/v1", "GET /v1/models HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n"),
    ],
)
def test_a_url_becomes_the_first_lines_of_a_request(url: str, head: str) -> None:
    assert UpstreamAddress.parse(url).head("GET", "/models") == head


def test_the_scheme_decides_tls_and_the_default_port() -> None:
    plain = UpstreamAddress.parse("http://engine.example/v1")
    secure = UpstreamAddress.parse("https://engine.example/v1")

    assert (plain.port, plain.is_tls) == (80, False)
    assert (secure.port, secure.is_tls) == (443, True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://engine.example/v1",
        "engine.example/v1",
        "http:///v1",
        "http://engine.example:99999/v1",
        "http://engine.example/v1\r\nX-Evil: 1",
        "http://engine.example\n/v1",
        "http://engine.example\t/v1",
        "http://engine example/v1",
        "http://engine.example/v1?version=1",
        "http://engine.example/v1#part",
        "http://[::1/v1",
        f"http://{'a' * 64}.example/v1",
    ],
)
def test_a_url_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        UpstreamAddress.parse(url)


def test_a_url_with_a_password_is_refused_without_telling_it() -> None:
    with pytest.raises(ValueError, match="give a key instead") as error:
        UpstreamAddress.parse("http://user:secret@engine.example/v1")

    assert "secret" not in str(error.value)
