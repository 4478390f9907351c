"""GGUF, llama.cpp's file format, written: metadata, the list of tensors, and where their bytes go.

Version 3, little-endian. Source: the format's specification in the ggml repository.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

_ALIGNMENT = 32


class _Kind(IntEnum):
    """How a value of the metadata is written."""

    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9


class NumberType(IntEnum):
    """How the numbers of a tensor are written."""

    F32 = 0
    F16 = 1


_SIZES = {NumberType.F32: 4, NumberType.F16: 2}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the file; `shape` has the slowest dimension first, as everybody else counts."""

    name: str
    shape: tuple[int, ...]
    type: NumberType

    @property
    def size_bytes(self) -> int:
        """The size of its numbers."""
        return math.prod(self.shape) * _SIZES[self.type]


def text(key: str, value: str) -> bytes:
    """Return a string of the metadata."""
    return _pair(key, _Kind.STRING, _string(value))


def count(key: str, value: int) -> bytes:
    """Return a number of the metadata that counts something, or is an id."""
    return _pair(key, _Kind.UINT32, struct.pack("<I", value))


def number(key: str, value: float) -> bytes:
    """Return any other number of the metadata."""
    return _pair(key, _Kind.FLOAT32, struct.pack("<f", value))


def flag(key: str, *, is_set: bool) -> bytes:
    """Return a yes or no of the metadata."""
    return _pair(key, _Kind.BOOL, struct.pack("<?", is_set))


def texts(key: str, values: Sequence[str]) -> bytes:
    """Return a list of strings of the metadata."""
    return _list(key, _Kind.STRING, [_string(value) for value in values])


def integers(key: str, values: Sequence[int]) -> bytes:
    """Return a list of integers of the metadata."""
    return _list(key, _Kind.INT32, [struct.pack("<i", value) for value in values])


def head(pairs: Sequence[bytes], tensors: Sequence[Tensor]) -> bytes:
    """Return all that comes before the tensors' numbers, which follow in this order.

    `padding` goes after each tensor.
    """
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(pairs)), *pairs]
    offset = 0
    for tensor in tensors:
        shape = tensor.shape[::-1]
        parts.append(_string(tensor.name))
        parts.append(struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, tensor.type, offset))
        offset += tensor.size_bytes + len(padding(tensor.size_bytes))
    whole = b"".join(parts)
    return whole + padding(len(whole))


def padding(size_bytes: int) -> bytes:
    """Return the zeros that fill up what has this size."""
    return bytes(-size_bytes % _ALIGNMENT)


def _pair(key: str, kind: _Kind, value: bytes) -> bytes:
    return _string(key) + struct.pack("<I", kind) + value


def _list(key: str, kind: _Kind, values: Sequence[bytes]) -> bytes:
    length = struct.pack("<IQ", kind, len(values))
    return _pair(key, _Kind.ARRAY, length + b"".join(values))


def _string(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded
