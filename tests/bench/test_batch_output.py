"""A batch's output counts only if it has one answer for every line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from bench.batch_output import output_failures


def line(number: int, status: int = 200) -> bytes:
    """Return a line of output."""
    response = {"status_code": status, "request_id": "r", "body": {}}
    return json.dumps({"custom_id": f"line-{number:08d}", "response": response}).encode() + b"\n"


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def test_an_output_in_any_order_and_any_pieces_is_whole() -> None:
    content = line(2) + line(0) + line(1)
    assert await output_failures(pieces(content[:7], content[7:]), lines=3) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (line(0), "1 of 2 lines are not in the output"),
        (line(0) + line(1) + line(1), "1 lines of the output answer what was answered before"),
        (line(0) + line(1) + line(2), "1 lines of the output are no answers"),
        (line(0) + line(1) + line(1, 500), "1 lines of the output are no answers"),
        (line(0) + line(1) + b"{}\n", "1 lines of the output are no answers"),
        (line(0) + line(1) + line(1)[:-1], "1 lines of the output are no answers"),
    ],
)
async def test_whatever_was_lost_or_doubled_or_spoilt_is_told(content: bytes, reason: str) -> None:
    (failure,) = await output_failures(pieces(content), lines=2)
    assert reason in failure
