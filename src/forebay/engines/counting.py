"""How many tokens a chat's prompt has, told by its engine without running it, where it can.

vLLM tokenizes a chat; llama.cpp renders one, and tokenizes what it rendered. With any other engine
the turn has to be run for a single token: its usage tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from forebay.dialects.turn import JsonObject, Turn
from forebay.dialects.upstream import encode_turn
from forebay.dialects.upstream_errors import UNREADABLE
from forebay.dialects.wire import encode

T = TypeVar("T")

Call = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Posts a body to a path, and returns the status and the body of the answer."""

# Of sampling, what may end a one-token turn in another way, or makes it dearer.
_STRIPPED = ("stop", "logprobs", "top_logprobs")

# What servers say of routes that they do not have, and proxies of those that they hide.
_UNKNOWN = (401, 403, 404, 405, 501)

_Way = Callable[[Turn, str], Awaitable[int | None]]
"""Returns the tokens, or None from an engine that does not offer this way."""


class _Unwell(Exception):
    """The engine did not answer, or minds this very prompt: what it offers is still unknown."""


class _Counted(msgspec.Struct):
    count: int


class _Rendered(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


class Counter:
    """Counts for one engine, and remembers the way that worked until it fails."""

    def __init__(self, call: Call) -> None:
        self._call = call
        # None while unknown; empty for an engine that cannot count.
        self._offered: tuple[_Way, ...] | None = None

    async def count(self, turn: Turn, *, model: str) -> int | None:
        """Return the tokens of the turn's prompt, or None where only a run of it can tell.

        Raises what the call does.
        """
        if turn.has_images:
            # A rendered chat has a single mark where an image's many tokens will be.
            return None
        ways = (self._tokenized, self._rendered) if self._offered is None else self._offered
        is_sure = True
        for way in ways:
            try:
                tokens = await way(turn, model)
            except _Unwell:
                is_sure = False
                continue
            if tokens is not None:
                self._offered = (way,)
                return tokens
        if ways:
            is_first_time = self._offered is None
            self._offered = () if is_sure and is_first_time else None
        return None

    async def _tokenized(self, turn: Turn, model: str) -> int | None:
        """Let the engine count, as vLLM does."""
        body: JsonObject = {
            "add_generation_prompt": True,
            **turn.extra,
            "model": model,
            "messages": turn.messages,
        }
        if turn.tools and turn.tool_choice != "none":
            body["tools"] = turn.tools
        effort = turn.sampling.get("reasoning_effort")
        if effort is not None:
            # A chat hands it to the template by itself.
            options = turn.extra.get("chat_template_kwargs")
            given = options if isinstance(options, dict) else {}
            body["chat_template_kwargs"] = {**given, "reasoning_effort": effort}
        counted = await self._told("//tokenize", encode(body), _Counted)
        return None if counted is None else counted.count

    async def _rendered(self, turn: Turn, model: str) -> int | None:
        """Let the engine render the chat and tokenize that, as llama.cpp does."""
        # The chat's own body: whatever in it shapes the prompt does so here.
        chat = encode_turn(turn, model=model, extra={})
        rendered = await self._told("//apply-template", chat, _Rendered)
        if rendered is None:
            return None
        text = encode({"content": rendered.prompt, "add_special": True, "parse_special": True})
        told = await self._told("//tokenize", text, _Tokens)
        return None if told is None else len(told.tokens)

    async def _told(self, path: str, body: bytes, shape: type[T]) -> T | None:
        """Return the answer, or None from an engine that does not know the question."""
        status, answer = await self._call(path, body)
        if status in _UNKNOWN:
            return None
        if status != 200:
            raise _Unwell
        try:
            return msgspec.json.decode(answer, type=shape)
        except UNREADABLE:
            return None


def shortest(turn: Turn) -> Turn:
    """Return the shortest turn with the same prompt."""
    sampling = {name: value for name, value in turn.sampling.items() if name not in _STRIPPED}
    return msgspec.structs.replace(
        turn, max_output_tokens=1, choices=1, response_format=None, sampling=sampling
    )
