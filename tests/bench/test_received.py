"""What a stream's caller received: every token with its instant, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.paced import words
from bench.received import BadStream, Received
from bench.upstream import STREAM_HEAD, http_chunks

WORDS = words(3)
ROLE, FIRST, SECOND, THIRD, END = http_chunks(WORDS)


def received(*pieces: bytes) -> Received:
    """Return an answer whose pieces came one second after the other, from 0 on."""
    return Received(pieces=list(pieces), arrived_at=[float(at) for at in range(len(pieces))])


def test_each_token_has_the_instant_of_its_piece() -> None:
    answer = received(STREAM_HEAD, ROLE, FIRST, SECOND, THIRD, END)
    assert answer.token_times(WORDS) == [2.0, 3.0, 4.0]


def test_tokens_of_one_piece_came_at_the_same_time() -> None:
    answer = received(STREAM_HEAD + ROLE, FIRST + SECOND, THIRD + END)
    assert answer.token_times(WORDS) == [1.0, 1.0, 2.0]


def test_a_token_in_two_pieces_came_with_the_second() -> None:
    answer = received(STREAM_HEAD + ROLE + FIRST + SECOND[:-3], SECOND[-3:] + THIRD + END)
    assert answer.token_times(WORDS) == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ((), "no answer"),
        ((b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nfull",), "503 Busy"),
        ((b"GET / HTTP/1.1\r\n\r\n",), "not HTTP"),
        ((STREAM_HEAD, ROLE, FIRST, SECOND, THIRD), "cut short after 4 events"),
        ((STREAM_HEAD, ROLE, FIRST, THIRD, END), "2 tokens that are not the 3 sent"),
        ((STREAM_HEAD, ROLE, SECOND, FIRST, THIRD, END), "tokens that are not the 3 sent"),
        ((STREAM_HEAD, ROLE, FIRST, SECOND, THIRD, b"0\r\n\r\n"), "does not end in"),
    ],
)
def test_less_than_the_whole_stream_is_told(pieces: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(BadStream, match=reason):
        received(*pieces).token_times(WORDS)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda end: end.replace(b'"stop"', b"null  "), "without a finish reason"),
        (lambda end: end.replace(b'"usage"', b'"u"    '), "without its usage"),
        (lambda end: end.replace(b'"model"', b'"m"    '), "no chunk"),
    ],
)
def test_an_end_that_lacks_something_is_told(spoil: Callable[[bytes], bytes], reason: str) -> None:
    with pytest.raises(BadStream, match=reason):
        received(STREAM_HEAD, ROLE, FIRST, SECOND, THIRD, spoil(END)).token_times(WORDS)
