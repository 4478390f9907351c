"""Multipart forms, read as they come: small fields whole, files piece by piece."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from forebay.core.errors import BodyTooLarge, InvalidParameter

MAX_FIELD_BYTES = 64 * 1024
# What is in no part: boundaries, headers, and what comes before the first and behind the last.
MAX_FRAME_BYTES = 16 * MAX_FIELD_BYTES
# What a form may hold beside its file: no more fields are taken than fit beside its frame.
MAX_FORM_BYTES = 2 * MAX_FRAME_BYTES


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins; `filename` is None for a plain field."""

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartBytes:
    """Some bytes of the part that began last."""

    content: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part that began last is whole."""


Event = PartBegin | PartBytes | PartEnd


class MultipartReader:
    """Turns the pieces of a body into events.

    Raises `InvalidParameter` for a broken form, and `BodyTooLarge` for one with too much outside of
    its parts. Whoever reads a part sees to its size.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise InvalidParameter("The body must be multipart/form-data.")
        self._events: deque[Event] = deque()
        self._field = b""
        self._headers: dict[bytes, bytes] = {}
        self._value = b""
        self._frame_bytes = 0
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                },
            )
        except FormParserError as error:
            raise InvalidParameter(f"The form is not readable: {error}.") from None

    async def events(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[Event]:
        """Yield the form's events in order."""
        try:
            async for piece in pieces:
                self._frame_bytes += len(piece)
                self._parser.write(piece)
                while self._events:
                    yield self._events.popleft()
                if self._frame_bytes > MAX_FRAME_BYTES:
                    raise BodyTooLarge(MAX_FRAME_BYTES, part="form outside of its parts")
            self._parser.finalize()
        except FormParserError as error:
            raise InvalidParameter(f"The form is not readable: {error}") from None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._headers = {}
        filename = options.get(b"filename")
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self._events.append(
            PartBegin(name, None if filename is None else filename.decode("utf-8", "replace"))
        )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._frame_bytes -= end - start
        self._events.append(PartBytes(data[start:end]))

    def _on_part_end(self) -> None:
        self._events.append(PartEnd())


async def field_text(events: AsyncIterator[Event]) -> str:
    """Return the field that has just begun, whole."""
    content = b""
    async for piece in part_pieces(events):
        content += piece
        if len(content) > MAX_FIELD_BYTES:
            raise InvalidParameter("A field of the form is too long.")
    return content.decode("utf-8", "replace")


async def part_pieces(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """Yield the bytes of the part that has just begun, to its end.

    Raises `InvalidParameter` when the form ends before the part does.
    """
    async for event in events:
        if isinstance(event, PartBytes):
            yield event.content
        elif isinstance(event, PartEnd):
            return
    raise InvalidParameter("The form is not readable: it ends within a part.")
