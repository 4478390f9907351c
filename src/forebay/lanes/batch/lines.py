"""The lines of a batch: how an input line is checked, and how a segment's lines are written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from forebay.dialects.batches import LineError
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import is_too_deep

MAX_LINE_BYTES = 16 * 1024 * 1024


class SegmentLine(msgspec.Struct, frozen=True):
    """A checked line as segments hold it."""

    custom_id: str
    body: JsonObject


class _Line(msgspec.Struct):
    custom_id: str | msgspec.UnsetType = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    url: str | msgspec.UnsetType = msgspec.UNSET
    body: JsonObject | msgspec.UnsetType = msgspec.UNSET


_line_decoder = msgspec.json.Decoder(_Line)
_segment_decoder = msgspec.json.Decoder(SegmentLine)
_encoder = msgspec.json.Encoder()


class LineChecker:
    """Checks the lines of one file, in order; remembers the custom ids that it saw."""

    def __init__(self, *, endpoint: str) -> None:
        self._endpoint = endpoint
        self._seen: set[str] = set()

    def check(self, number: int, text: bytes) -> SegmentLine | LineError:
        """Return the checked line, or what is wrong with it; `number` counts from 1."""
        try:
            line = _line_decoder.decode(text)
        except msgspec.ValidationError as error:
            return LineError(
                "invalid_request", f"This line has a wrong type: {error}", None, number
            )
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = "This line is not parseable as valid JSON."
            return LineError("invalid_json_line", message, None, number)
        except RecursionError:
            return _too_deep(number)
        if isinstance(line.custom_id, msgspec.UnsetType):
            return _missing("custom_id", number)
        if isinstance(line.method, msgspec.UnsetType):
            return _missing("method", number)
        if isinstance(line.url, msgspec.UnsetType):
            return _missing("url", number)
        if isinstance(line.body, msgspec.UnsetType):
            return _missing("body", number)
        if is_too_deep(line.body, text):
            return _too_deep(number)
        return self._check_values(number, line.custom_id, line.method, line.url, line.body)

    def _check_values(
        self, number: int, custom_id: str, method: str, url: str, body: JsonObject
    ) -> SegmentLine | LineError:
        if custom_id in self._seen:
            message = f"The custom_id '{custom_id}' appears more than once in this file."
            return LineError("duplicate_custom_id", message, "custom_id", number)
        self._seen.add(custom_id)
        if method != "POST":
            return LineError("invalid_method", "The method must be 'POST'.", "method", number)
        if url != self._endpoint:
            message = "The URL provided for this request does not match the batch endpoint."
            return LineError("invalid_url", message, "url", number)
        if body.get("stream"):
            message = "Streaming is not supported in the Batch API."
            return LineError("streaming_unsupported", message, "body.stream", number)
        if not isinstance(body.get("model"), str):
            message = "Model parameter is required."
            return LineError("invalid_request", message, "body.model", number)
        return SegmentLine(custom_id, body)


def _too_deep(number: int) -> LineError:
    return LineError("invalid_json_line", "This line is nested too deeply.", None, number)


def _missing(name: str, number: int) -> LineError:
    message = f"Missing required parameter: '{name}'."
    return LineError("missing_required_parameter", message, name, number)


def encode_line(line: SegmentLine) -> bytes:
    """Return the line as a segment's blob holds it."""
    return _encoder.encode(line) + b"\n"


def decode_lines(blob: bytes) -> list[SegmentLine]:
    """Return the lines of a segment's blob, in order."""
    return [_segment_decoder.decode(text) for text in blob.splitlines()]


async def split_lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a file that comes in pieces, without their ends.

    A line past `MAX_LINE_BYTES` is yielded cut, one byte longer than allowed, and its rest skipped.
    """
    rest = b""
    is_skipping = False
    async for piece in pieces:
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if is_skipping:
                is_skipping = False
                continue
            yield line.rstrip(b"\r")
        if len(rest) > MAX_LINE_BYTES and not is_skipping:
            yield rest[: MAX_LINE_BYTES + 1]
            is_skipping = True
        if is_skipping:
            rest = b""
    if rest and not is_skipping:
        yield rest.rstrip(b"\r")
