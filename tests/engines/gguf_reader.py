"""GGUF files read back, by the format's own description and not by our writer's code."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

_NUMBERS = {4: "<I", 5: "<i", 6: "<f", 7: "<?"}
_STRING, _ARRAY = 8, 9
_ALIGNMENT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTensor:
    """A tensor of a file; its shape has the fastest dimension first, as the file does."""

    shape: tuple[int, ...]
    type: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """A whole file."""

    version: int
    metadata: dict[str, Any]
    tensors: dict[str, ReadTensor]


def read_gguf(content: bytes) -> ReadFile:
    """Return what a file holds; fails unless its tensors fill it, each at an aligned offset."""
    stream = io.BytesIO(content)
    magic, version, tensor_count, pair_count = struct.unpack("<4sIQQ", stream.read(24))
    assert magic == b"GGUF"
    metadata = {}
    for _ in range(pair_count):
        key = _string(stream)
        metadata[key] = _value(stream, _number(stream, "<I"))
    places = {_string(stream): _place(stream) for _ in range(tensor_count)}
    begin = stream.tell() + -stream.tell() % _ALIGNMENT
    tensors = {}
    for name, (shape, kind, offset) in places.items():
        size = {0: 4, 1: 2}[kind]
        for dimension in shape:
            size *= dimension
        assert offset % _ALIGNMENT == 0
        at = begin + offset
        assert at + size <= len(content)
        tensors[name] = ReadTensor(shape=shape, type=kind, content=content[at : at + size])
    return ReadFile(version=version, metadata=metadata, tensors=tensors)


def _place(stream: io.BytesIO) -> tuple[tuple[int, ...], int, int]:
    shape = tuple(_number(stream, "<Q") for _ in range(_number(stream, "<I")))
    return shape, _number(stream, "<I"), _number(stream, "<Q")


def _value(stream: io.BytesIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(stream)
    if kind == _ARRAY:
        inner, length = _number(stream, "<I"), _number(stream, "<Q")
        return [_value(stream, inner) for _ in range(length)]
    return _number(stream, _NUMBERS[kind])


def _string(stream: io.BytesIO) -> str:
    return stream.read(_number(stream, "<Q")).decode()


def _number(stream: io.BytesIO, form: str) -> Any:
    return struct.unpack(form, stream.read(struct.calcsize(form)))[0]
