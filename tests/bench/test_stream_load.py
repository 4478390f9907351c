"""Streams that run at once: gaps count only while all are under way, and each is read whole."""

from __future__ import annotations

import pytest

from bench.paced import serve_paced_upstream
from bench.stream_load import StreamLoad, gaps_under_way, run_streams
from bench.upstream import serve_upstream


def load(url: str) -> StreamLoad:
    """Return a load of a few short streams."""
    return StreamLoad(url=url, keys=["key"], streams=3, tokens=5, start_s=0.0, pid=None)


def test_gaps_count_only_while_all_streams_are_under_way() -> None:
    early = [0.0, 5.0, 7.0, 9.0]
    late = [4.0, 6.0, 12.0]
    assert gaps_under_way([early, late]) == pytest.approx([2.0, 2.0, 2.0])


def test_streams_that_follow_each_other_have_no_gaps() -> None:
    assert gaps_under_way([[0.0, 1.0], [2.0, 3.0]]) == []


async def test_the_paced_upstream_sends_every_token_of_every_stream() -> None:
    async with serve_paced_upstream() as url:
        result = await run_streams(load(url))
    assert (result.streams, result.errors) == (3, [])
    assert 0.0 < result.gap_p50_ms <= result.gap_p99_ms


async def test_an_answer_of_other_tokens_is_an_error() -> None:
    async with serve_upstream() as url:
        result = await run_streams(load(url))
    assert result.streams == 0
    assert "21 tokens that are not the 5 sent" in result.errors[0]
