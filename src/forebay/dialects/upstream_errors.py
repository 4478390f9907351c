"""What an engine's errors mean: busy, failed, or the caller's own fault in the engine's words."""

from __future__ import annotations

import re

import msgspec

from forebay.core.engine_errors import EngineBusy, EngineFailed, GatewayFailed
from forebay.core.errors import ContextTooLong, ForebayError, PromptRejected
from forebay.dialects.wire import encode

# What decoding raises for bytes that are no JSON, no UTF-8, nested too deeply, or of another shape.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


_TOO_LONG_TO_EMBED = re.compile(
    r"input \((?P<tokens>\d+) tokens\) is too large to process.*current batch size: (?P<max>\d+)"
)
_NOT_TAKEN = re.compile(r"(image|audio|video) input is not supported")

BUSY = frozenset({429, 503, 529})  # the last is Anthropic's own
# What proxies say when nothing answers behind them; those from 521 on are Cloudflare's.
GATEWAY = frozenset({502, 504, 521, 522, 523, 524})
# A wrong engine key or model name is ours to mend; the rest says "not now" rather than "not this".
# The vendors' own clients try 408, 409 and every 5xx again, too.
TRIED_AGAIN = frozenset({401, 403, 404, 408, 409, 425})


def stream_error(error: object) -> ForebayError:
    """Return the error that an engine sent inside a stream it had begun with 200."""
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return engine_error(status, encode({"error": error}), retry_after_s=None)


def engine_error(status: int, body: bytes, *, retry_after_s: float | None) -> ForebayError:
    """Return what an engine's error answer means for the caller.

    It is busy, out of reach for its own proxy, or has failed; any other 4xx is the caller's own,
    and its words are passed on. What the engine says of its key is not for callers. llama.cpp
    blames itself, with a 5xx, for an input of embeddings that is too long, for a model that makes
    none, and for a prompt with what the model cannot see or hear.
    """
    message = _message_of(body)
    too_long = _TOO_LONG_TO_EMBED.match(message)
    if too_long is not None:
        return ContextTooLong(
            f"This model's maximum context length is {too_long['max']} tokens, however an input "
            f"has {too_long['tokens']} tokens."
        )
    if status == 501 or _NOT_TAKEN.match(message):
        return PromptRejected(message)
    if status in BUSY:
        return EngineBusy(f"the engine is busy ({status})", retry_after_s=retry_after_s)
    if status in GATEWAY:
        message = f"nothing answers behind the engine's address ({status})"
        return GatewayFailed(message, retry_after_s=retry_after_s)
    if status in (401, 403):
        return EngineFailed("the engine did not let this server in", engine_status=status)
    if status >= 500 or status in TRIED_AGAIN:
        return EngineFailed(f"the engine answered {status}: {message}", engine_status=status)
    if "context" in message and ("exceed" in message or "length" in message):
        return ContextTooLong(message)
    return PromptRejected(message)


class _ErrorDetail(msgspec.Struct):
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _ErrorDetail | str = ""
    message: str = ""
    detail: object = ""  # FastAPI's word, which may be a list of what is wrong


def _message_of(body: bytes) -> str:
    try:
        shape = msgspec.json.decode(body, type=_ErrorBody)
    except UNREADABLE:
        return "no readable reason"
    detail = shape.error if isinstance(shape.error, str) else shape.error.message
    told = detail or shape.message
    if not told and shape.detail:
        told = shape.detail if isinstance(shape.detail, str) else encode(shape.detail).decode()
    return (told or "no reason given")[:2000]
