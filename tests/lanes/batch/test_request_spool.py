"""Spooling the requests of a body that is never held."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from forebay.core.errors import BodyTooLarge, InvalidJson, InvalidParameter, RequestRejected
from forebay.dialects.inline_requests import InlineRequests
from forebay.dialects.message_batch_requests import MessageBatchRequests
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.request_spool import RequestForm, RequestSpool, Spooled, spooled_lines
from forebay.store.blobs import Blob, BlobWriter
from forebay.store.local_blobs import LocalBlobs

PARAMS: JsonObject = {"model": "tiny", "max_tokens": 5, "messages": []}


async def pieces(*given: bytes | Exception) -> AsyncIterator[bytes]:
    """Yield these pieces of a body, or raise what is among them."""
    for piece in given:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def form(max_requests: int = 100) -> MessageBatchRequests:
    """Return the form of a Message Batch's requests."""
    return MessageBatchRequests(max_requests=max_requests)


def body(*requests: object, **others: object) -> bytes:
    """Return the body of a Message Batch."""
    return json.dumps({"requests": requests, **others}).encode()


async def received(blobs: LocalBlobs, form: RequestForm, *given: bytes | Exception) -> Spooled:
    """Spool a body within generous limits."""
    return await RequestSpool(blobs, max_bytes=10**6).receive(pieces(*given), form)


async def lines_of(blobs: LocalBlobs, spooled: Spooled) -> list[JsonObject]:
    """Return the lines that were spooled, each of which must be one line of JSON."""
    blob = await spooled.writer.commit()
    return [json.loads(line) async for line in spooled_lines(blobs, blob.id)]


def left(folder: Path) -> list[Path]:
    """Return the files that are left in a folder of blobs."""
    return [path for path in folder.rglob("*") if path.is_file()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.sampled_from([None, 2, "\r\n"]), st.lists(st.integers(1, 600), max_size=9))
async def test_each_request_becomes_a_line_however_the_body_is_cut(
    blobs: LocalBlobs, indent: int | str | None, cuts: list[int]
) -> None:
    requests = [
        {"custom_id": f"row-{number}", "params": PARAMS | {"system": 'é "\n" \\' * number}}
        for number in range(4)
    ]
    text = json.dumps({"a": 1, "requests": requests, "b": [2]}, indent=indent)
    whole = text.replace("\n", "\r\n" if indent == "\r\n" else "\n").encode()
    places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    cut = [whole[begin:end] for begin, end in pairwise(places)]
    spooled = await received(blobs, form(), *cut)
    assert (spooled.fields, spooled.count, spooled.has_list) == ({"a": 1, "b": [2]}, 4, True)
    assert await lines_of(blobs, spooled) == requests


async def test_a_line_for_openai_names_the_endpoint_that_came_before(blobs: LocalBlobs) -> None:
    whole = {"endpoint": "/v1/responses", "requests": [{"custom_id": "é", "params": {"a": 1}}]}
    spooled = await received(blobs, InlineRequests(max_requests=1), json.dumps(whole).encode())
    assert await lines_of(blobs, spooled) == [
        {"custom_id": "é", "method": "POST", "url": "/v1/responses", "body": {"a": 1}}
    ]


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([5], "requests.0: Input should be an object"),
        ([{"params": {}}], "requests.0.custom_id: Field required"),
        ([{"custom_id": "a"}], "requests.0.params: Field required"),
        ([{"custom_id": 7, "params": {}}], "requests.0.custom_id: Input should be a valid string"),
        ([{"custom_id": "a", "params": []}], "requests.0.params: Input should be an object"),
        ([{"custom_id": "", "params": {}}], "requests.0.custom_id: String should have at least 1"),
        (
            [{"custom_id": "a" * 65, "params": {}}],
            "requests.0.custom_id: String should have at most 64 characters",
        ),
        (
            [{"custom_id": "a", "params": {}}, {"custom_id": "a.b", "params": {}}],
            "requests.1.custom_id: String should match pattern",
        ),
        (
            [{"custom_id": "a", "params": {}}, {"custom_id": "a", "params": {}}],
            "requests.1.custom_id: custom_id's must be unique .* found: a$",
        ),
        (
            [{"custom_id": "a", "params": {}, "x": 1}],
            "requests.0.x: Extra inputs are not permitted",
        ),
        (
            [{"custom_id": str(number), "params": {}} for number in range(3)],
            "requests: List should have at most 2 items",
        ),
    ],
)
async def test_a_wrong_request_is_named_and_leaves_nothing(
    blobs: LocalBlobs, tmp_path: Path, requests: list[object], message: str
) -> None:
    with pytest.raises(InvalidParameter, match=message):
        await received(blobs, form(max_requests=2), body(*requests))
    assert left(tmp_path) == []


@pytest.mark.parametrize("value", [b'"\xff"', b"1e999", b"[" * 5000 + b"]" * 5000])
async def test_params_that_could_not_be_read_again_are_refused_at_the_door(
    blobs: LocalBlobs, tmp_path: Path, value: bytes
) -> None:
    params = b'{"custom_id": "a", "params": {"x": %s}}' % value
    with pytest.raises(InvalidJson, match=r"not valid JSON|too deeply"):
        await received(blobs, form(), b'{"requests": [%s]}' % params)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("requests", "param"),
    [
        ([5], "requests[0]"),
        ([{"params": {}}], "requests[0].custom_id"),
        ([{"custom_id": "a"}], "requests[0].params"),
        ([{"custom_id": 7, "params": {}}], "requests[0].custom_id"),
        ([{"custom_id": "a", "params": 1}], "requests[0].params"),
        ([{"custom_id": "a", "params": {}, "url": "x"}], "requests[0].url"),
        ([{"custom_id": "a", "params": {}}] * 3, "requests"),
    ],
)
async def test_a_wrong_request_is_named_in_openais_manner_too(
    blobs: LocalBlobs, requests: list[object], param: str
) -> None:
    with pytest.raises(RequestRejected) as raised:
        await received(blobs, InlineRequests(max_requests=2), body(*requests))
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("given", "raised"),
    [
        ([b'{"requests": [{"custom_id": "a", "params": {}}, nonsense]}'], InvalidJson),
        ([b'{"requests": [{"custom_id": "a", "params": {'], InvalidJson),
        ([b'{"requests": [{"custom_id": "a", "params": {"a": "\xff"}}]}'], InvalidJson),
        (
            [b'{"requests": [{"custom_id": "a", "params": {}},', ClientDisconnect()],
            ClientDisconnect,
        ),
        ([body({"custom_id": "a", "params": {"a": "x" * 10**6}})], BodyTooLarge),
        ([body({"custom_id": "a", "params": {}}, other="x" * 2_000)], BodyTooLarge),
    ],
)
async def test_whatever_ends_a_body_early_leaves_nothing(
    blobs: LocalBlobs, tmp_path: Path, given: list[bytes | Exception], raised: type[Exception]
) -> None:
    # So that something is on the disk by then.
    first = body({"custom_id": "first", "params": {"a": "x" * 300_000}})[:-2] + b","
    assert isinstance(given[0], bytes)
    begun = [first, given[0].removeprefix(b'{"requests": [')]
    spool = RequestSpool(blobs, max_bytes=10**6, max_fields_bytes=1_000)
    with pytest.raises(raised):
        await spool.receive(pieces(*begun, *given[1:]), form())
    assert left(tmp_path) == []


class Counter:
    """A store of blobs that keeps none: only how much was written."""

    def __init__(self) -> None:
        self.size_bytes = 0

    sha256 = ""

    async def write(self, piece: bytes) -> None:
        self.size_bytes += len(piece)

    async def commit(self) -> Blob:
        return Blob(id="blob_1", size_bytes=self.size_bytes, sha256="")

    async def abandon(self) -> None: ...

    async def create(self) -> BlobWriter:
        return self


async def large(count: int, size_bytes: int) -> AsyncIterator[bytes]:
    """Yield a body of so many requests, in pieces as a server gives them."""
    yield b'{"requests": ['
    for number in range(count):
        comma = b"," if number else b""
        request = b'{"custom_id": "row-%d", "params": {"a": "' % number
        yield comma + request + b"x" * size_bytes + b'"}}'
    yield b"]}"


async def test_a_large_body_takes_little_memory() -> None:
    counter = Counter()
    spool = RequestSpool(counter, max_bytes=10**9)  # type: ignore[arg-type]  # of a store, it is all
    tracemalloc.start()
    try:
        spooled = await spool.receive(large(200, 50_000), form(max_requests=200))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert spooled.count == 200 and counter.size_bytes > 10_000_000
    assert peak_bytes < 2_000_000


async def test_others_have_their_turn_while_a_body_is_spooled() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    whole = b"".join([piece async for piece in large(10_000, 200)])
    # One piece, however large: no wait for the next one gives others their turn.
    spool = RequestSpool(Counter(), max_bytes=10**9)  # type: ignore[arg-type]  # as above
    await spool.receive(pieces(whole), form(max_requests=10_000))
    running.cancel()
    assert turns > 10
