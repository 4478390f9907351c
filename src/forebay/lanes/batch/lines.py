"""The lines of a batch: how a file is cut into them, and how a segment's lines are written."""

from __future__ import annotations

import msgspec

from forebay.dialects.turn import JsonObject

MAX_LINE_BYTES = 16 * 1024 * 1024


class SegmentLine(msgspec.Struct, frozen=True):
    """A checked line as segments hold it."""

    custom_id: str
    body: JsonObject


class _Named(msgspec.Struct):
    custom_id: str


_segment_decoder = msgspec.json.Decoder(SegmentLine)
_name_decoder = msgspec.json.Decoder(_Named)
_encoder = msgspec.json.Encoder()


def encode_line(line: SegmentLine) -> bytes:
    """Return the line as a segment's blob holds it."""
    return _encoder.encode(line) + b"\n"


def decode_line(text: bytes) -> SegmentLine:
    """Return one line of a segment's blob."""
    return _segment_decoder.decode(text)


def decode_lines(blob: bytes) -> list[SegmentLine]:
    """Return the lines of a segment's blob, in order."""
    return [_segment_decoder.decode(text) for text in blob.splitlines()]


def segment_texts(content: bytes, *, count: int) -> list[bytes]:
    """Return the texts of a segment's lines, as many as it has: empty where its blob ends before.

    So whatever became of the blob, each of the lines comes to its end.
    """
    texts = content.split(b"\n")[:count]
    return texts + [b""] * (count - len(texts))


def custom_id_of(text: bytes) -> str | None:
    """Return the custom id of one line of a segment's blob; None if it cannot be read."""
    try:
        return _name_decoder.decode(text).custom_id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class LineSplitter:
    """Cuts a file that comes in pieces into its lines, without their line feeds.

    Of a line longer than `max_bytes` at least one byte more than that is shown; what came of it in
    further pieces is not even kept.
    """

    def __init__(self, *, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that this piece ends."""
        lines = piece.split(b"\n")
        self._hold(lines[0])
        if len(lines) == 1:
            return []
        lines[0] = self._release()
        self._hold(lines.pop())
        return lines

    def end(self) -> list[bytes]:
        """Return the last line, if no line feed ended it."""
        last = self._release()
        return [last] if last else []

    def _hold(self, part: bytes) -> None:
        room_bytes = self._max_bytes + 1 - self._held_bytes
        if part and room_bytes > 0:
            self._held.append(part[:room_bytes])
            self._held_bytes += len(self._held[-1])

    def _release(self) -> bytes:
        line = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return line
