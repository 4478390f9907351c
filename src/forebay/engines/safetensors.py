"""Safetensors, the file format in which most weights are published, read.

Source: the format's description in its repository. A length, a header in JSON that says where each
tensor's bytes are, then the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import msgspec


class StoredTensor(msgspec.Struct, frozen=True):
    """A tensor's place in the file; `data_offsets` count from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class SafeTensors:
    """The tensors at the beginning of a stream, which may hold something else behind them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        header_bytes = int.from_bytes(stream.read(8), "little")
        header = msgspec.json.decode(stream.read(header_bytes), type=dict[str, msgspec.Raw])
        header.pop("__metadata__", None)
        self.tensors = {
            name: msgspec.json.decode(entry, type=StoredTensor) for name, entry in header.items()
        }
        self._begin = 8 + header_bytes

    @property
    def end(self) -> int:
        """The position in the stream behind the last tensor."""
        return self._begin + max(tensor.data_offsets[1] for tensor in self.tensors.values())

    def pieces(self, name: str, *, piece_bytes: int) -> Iterator[bytes]:
        """Yield the bytes of a tensor, in pieces of at most this size."""
        begin, end = self.tensors[name].data_offsets
        self._stream.seek(self._begin + begin)
        for left in range(end - begin, 0, -piece_bytes):
            yield self._stream.read(min(piece_bytes, left))
