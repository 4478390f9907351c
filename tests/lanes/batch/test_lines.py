"""The lines of a batch: how a file is cut into them, and how segments hold them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forebay.lanes.batch.lines import LineSplitter, SegmentLine, decode_lines, encode_line

MAX_BYTES = 100


def split(content: bytes, piece_bytes: int) -> list[bytes]:
    """Return the lines of a file that comes in pieces of this size."""
    splitter = LineSplitter(max_bytes=MAX_BYTES)
    lines = []
    for start in range(0, len(content), piece_bytes):
        lines += splitter.feed(content[start : start + piece_bytes])
    return lines + splitter.end()


@given(
    lines=st.lists(st.binary(max_size=9).map(lambda text: text.replace(b"\n", b""))),
    piece_bytes=st.integers(1, 20),
)
def test_a_file_is_cut_at_its_line_feeds_however_it_comes(
    lines: list[bytes], piece_bytes: int
) -> None:
    assert split(b"".join([line + b"\n" for line in lines]), piece_bytes) == lines


def test_a_last_line_needs_no_end() -> None:
    assert split(b"a\nb", 1) == [b"a", b"b"]


def test_of_a_line_that_is_too_long_the_rest_is_not_kept_and_the_next_is_whole() -> None:
    lines = split(b"x" * (30 * MAX_BYTES) + b"\nnext\n", MAX_BYTES // 2)
    assert [len(lines[0]), *lines[1:]] == [MAX_BYTES + 1, b"next"]


def test_a_line_of_the_most_bytes_is_whole() -> None:
    assert split(b"x" * MAX_BYTES + b"\n", 7) == [b"x" * MAX_BYTES]


def test_segment_lines_are_read_as_they_were_written() -> None:
    lines = [
        SegmentLine("a", {"text": "two\nlines and \u2028 and \x85"}),
        SegmentLine("b", {"number": 2**70}),
    ]
    assert decode_lines(b"".join(map(encode_line, lines))) == lines
