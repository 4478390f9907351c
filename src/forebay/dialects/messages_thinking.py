"""Thinking in Anthropic's Messages: who sees it, how it is carried, and how an engine is told.

A thinking block's signature holds the thinking itself, sealed, so that a client that is not shown
the text, or drops it, still sends it back. The signatures of other makers are read by nobody here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from forebay.dialects.cipher import Cipher
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

UNSEALED = "forebay"
"""The signature where nothing can be sealed: clients want one."""


class Thinking(StrEnum):
    """What a caller sees of the model's thinking."""

    HIDDEN = "hidden"  # no block at all: clients that did not ask for thinking expect text first
    OMITTED = "omitted"  # a block without its text
    SHOWN = "shown"


class ThinkingWish(msgspec.Struct):
    """The `thinking` of a body. No engine takes the budget, so its limits are not checked."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class _ThinkingBlock(msgspec.Struct):
    thinking: str
    signature: str | None = None


def thinking_shown(body: JsonObject) -> Thinking:
    """Return what the body's `thinking` lets the caller see."""
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") == "disabled":
        return Thinking.HIDDEN
    return Thinking.OMITTED if thinking.get("display") == "omitted" else Thinking.SHOWN


def template_fields(wish: ThinkingWish | None, *, is_prefilled: bool) -> JsonObject:
    """Return what tells vLLM, SGLang and llama.cpp whether to think, and to go on with a prefill.

    Nothing is said where the model's own default is wanted. A prefill is text, so thinking would
    have to come before it: templates that can think are told not to, unless the caller asks for it.
    """
    fields: JsonObject = {}
    is_enabled: bool | None = None
    if is_prefilled:
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
        is_enabled = False
    if wish is not None and wish.type in ("enabled", "disabled"):
        is_enabled = wish.type == "enabled"
    if is_enabled is not None:
        fields["chat_template_kwargs"] = {"enable_thinking": is_enabled}
    return fields


def thinking_block(text: str, thinking: Thinking, cipher: Cipher | None) -> JsonObject:
    """Return the block that holds this thinking, as the caller sees it."""
    shown = text if thinking is Thinking.SHOWN else ""
    return {"type": "thinking", "thinking": shown, "signature": signature(text, cipher)}


def signature(text: str, cipher: Cipher | None) -> str:
    """Return the signature of this thinking."""
    return UNSEALED if cipher is None else cipher.seal(text)


def echoed_thinking(block: JsonObject, cipher: Cipher | None, *, at: str) -> str:
    """Return the thinking of a block that is sent back; empty where nobody here can read it."""
    given = read(block, _ThinkingBlock, at=at)
    if given.thinking or not given.signature or cipher is None:
        return given.thinking
    return cipher.unseal(given.signature) or ""
