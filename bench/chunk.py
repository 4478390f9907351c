"""A chunk of a streamed chat completion, as far as the benchmark looks at it."""

import msgspec

STREAM_END = b"[DONE]"


class Delta(msgspec.Struct):
    """What the chunk adds."""

    content: str | None = None


class Choice(msgspec.Struct):
    """The only one."""

    delta: Delta
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One event of the stream; the one with the usage has no choices."""

    model: str
    choices: list[Choice]
    usage: dict[str, object] | None = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
"""Read the JSON text of one event."""
