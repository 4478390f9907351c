"""The output file of a batch as a witness: every line of the input has one answer, and is there."""

from collections.abc import AsyncIterator, Iterator

import msgspec

from bench.batch_input import number_of


class _Response(msgspec.Struct):
    status_code: int


class _OutputLine(msgspec.Struct):
    custom_id: str
    response: _Response | None = None


_decode = msgspec.json.Decoder(_OutputLine).decode


async def output_failures(pieces: AsyncIterator[bytes], *, lines: int) -> list[str]:
    """Read the file to its end, and say what is wrong with it."""
    seen = _Seen(lines)
    pending = b""
    async for piece in pieces:
        *whole, pending = (pending + piece).split(b"\n")
        for text in whole:
            seen.add(text)
    if pending:
        seen.bad += 1
    return list(seen.failures())


class _Seen:
    """Which lines were there; a million of them take a megabyte."""

    def __init__(self, lines: int) -> None:
        self._times = bytearray(lines)
        self._doubled = 0
        self.bad = 0

    def add(self, text: bytes) -> None:
        try:
            line = _decode(text)
        except msgspec.DecodeError:
            self.bad += 1
            return
        number = number_of(line.custom_id)
        is_answer = line.response is not None and line.response.status_code == 200
        if number is None or number >= len(self._times) or not is_answer:
            self.bad += 1
        elif self._times[number]:
            self._doubled += 1
        else:
            self._times[number] = 1

    def failures(self) -> Iterator[str]:
        lost = self._times.count(0)
        if lost:
            yield f"{lost} of {len(self._times)} lines are not in the output"
        if self._doubled:
            yield f"{self._doubled} lines of the output answer what was answered before"
        if self.bad:
            yield f"{self.bad} lines of the output are no answers to the input"
