"""The calls that the load makes: a prompt of about 500 tokens, encoded once for each key."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.upstream import MODEL

_PROMPT = "lorem ipsum " * 250
_INSTRUCTIONS = "You are terse."
_MAX_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A POST with a JSON body."""

    path: str
    body: Mapping[str, object]

    def encoded(self, url: str, keys: Sequence[str]) -> list[bytes]:
        """Give the bytes to send to a server: a whole HTTP request under each key."""
        host = urlsplit(url).netloc
        body = json.dumps(self.body).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {{key}}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return [head.format(key=key).encode() + body for key in keys]


def chat(*, is_streamed: bool) -> Call:
    """Make a chat completion."""
    messages = [
        {"role": "system", "content": _INSTRUCTIONS},
        {"role": "user", "content": _PROMPT},
    ]
    return Call(
        path="/v1/chat/completions",
        body={
            "model": MODEL,
            "messages": messages,
            "max_tokens": _MAX_TOKENS,
            "stream": is_streamed,
        },
    )


def counted_stream(tokens: int) -> Call:
    """Make a streamed chat completion of so many tokens, with a prompt of a few."""
    return Call(
        path="/v1/chat/completions",
        body={
            "model": MODEL,
            "messages": [{"role": "user", "content": "Count."}],
            "max_tokens": tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    )


def response(*, is_background: bool) -> Call:
    """Make a response, which is stored."""
    return Call(
        path="/v1/responses",
        body={
            "model": MODEL,
            "instructions": _INSTRUCTIONS,
            "input": _PROMPT,
            "max_output_tokens": _MAX_TOKENS,
            "background": is_background,
        },
    )
