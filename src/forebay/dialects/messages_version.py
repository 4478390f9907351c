"""What depends on the version of Anthropic's API that a caller's header names.

`2026-10-21` refuses a few things that `2023-06-01` lets through; all else is the same, and so is a
call without a version. A later version than those is taken as the latest that is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.dialects.turn import JsonObject

HEADER = b"anthropic-version"
STRICTER_SINCE = "2026-10-21"

_SAMPLING = ("temperature", "top_p", "top_k")


def check_version(body: JsonObject, version: str | None, *, is_sampling_refused: bool) -> None:
    """Raise `RequestRejected` for what this version has no more.

    Sampling parameters are refused on wish only: open models need them. A body of the wrong shape
    is let through: whoever parses it explains what is wrong.
    """
    # Versions are dates, so their order is that of their letters.
    if version is None or version < STRICTER_SINCE:
        return
    if is_sampling_refused:
        for name in _SAMPLING:
            if body.get(name) is not None:
                raise UnsupportedParameter(
                    name, f"version '{version}' of the API has no sampling parameters"
                )
    for role, block, at in _blocks(body):
        if role == "assistant" and block.get("type") == "document":
            raise InvalidParameter(
                f"{at}: 'document' blocks cannot be in assistant messages.", param=f"{at}.type"
            )
        if role == "user" and block.get("type") == "text" and block.get("citations"):
            raise InvalidParameter(
                f"{at}: 'citations' cannot be in the text blocks of user messages.",
                param=f"{at}.citations",
            )


def _blocks(body: JsonObject) -> Iterator[tuple[object, JsonObject, str]]:
    messages = body.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                yield message.get("role"), block, f"messages[{number}].content[{index}]"
