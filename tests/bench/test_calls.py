"""The load's calls are whole HTTP requests, one for each key."""

from __future__ import annotations

import json

from bench.calls import response


def test_each_key_has_a_whole_request_of_its_own() -> None:
    call = response(is_background=True)
    requests = call.encoded("http://127.0.0.1:1", ["one", "two"])
    assert len(requests) == 2
    for key, request in zip(("one", "two"), requests, strict=True):
        head, _, body = request.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:1\r\n")
        assert f"authorization: Bearer {key}".encode() in head
        assert f"content-length: {len(body)}".encode() in head
        assert json.loads(body) == call.body
