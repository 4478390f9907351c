"""Embeddings as engines speak them: one body out, one answer back, whole."""

from __future__ import annotations

import msgspec

from forebay.core.engine_errors import EngineFailed
from forebay.core.money import Usage
from forebay.dialects.turn import Delta, EmbeddingTurn, JsonObject
from forebay.dialects.upstream_errors import UNREADABLE, stream_error
from forebay.dialects.upstream_events import count_of
from forebay.dialects.wire import encode


def encode_embedding_turn(turn: EmbeddingTurn, *, model: str) -> bytes:
    """Return the body that asks for the turn's vectors, as numbers, under the engine's name."""
    body: JsonObject = {
        **turn.extra,
        "model": model,
        "input": turn.inputs,
        "encoding_format": "float",
    }
    if turn.dimensions is not None:
        body["dimensions"] = turn.dimensions
    return encode(body)


class _Entry(msgspec.Struct):
    index: int
    embedding: list[float]


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = 0


class _Answer(msgspec.Struct):
    data: list[_Entry] = []
    usage: _Usage | None = None
    error: object = None


_answer = msgspec.json.Decoder(_Answer)


def read_embeddings(answer: bytes, *, count: int) -> Delta:
    """Return the vectors in the order of the inputs, and the usage where the engine tells it.

    Raises `EngineFailed` unless there is one vector, with numbers, for each of `count` inputs, and
    what an error means that came with a 200.
    """
    try:
        shape = _answer.decode(answer)
    except UNREADABLE as error:
        raise EngineFailed(f"the engine sent unreadable embeddings: {error}") from None
    if shape.error is not None:
        raise stream_error(shape.error)
    entries = sorted(shape.data, key=lambda entry: entry.index)
    if [entry.index for entry in entries] != list(range(count)):
        raise EngineFailed(f"the engine sent {len(entries)} embeddings for {count} inputs")
    if not all(entry.embedding for entry in entries):
        raise EngineFailed("the engine sent an embedding without numbers")
    usage = shape.usage
    return Delta(
        embeddings=tuple([entry.embedding for entry in entries]),
        usage=None if usage is None else Usage(input_tokens=count_of(usage.prompt_tokens)),
    )
