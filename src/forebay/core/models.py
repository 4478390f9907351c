"""A model as the callers know it: its name, what it can do, its windows and its prices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.core.clock import Instant
from forebay.core.money import Price, PriceList
from forebay.core.windows import CompletionWindow


class ModelKind(StrEnum):
    """What a model is for."""

    CHAT = "chat"  # and plain completions
    EMBEDDING = "embedding"


class ToolCalling(StrEnum):
    """How a model comes to call tools."""

    NATIVE = "native"  # the engine's own way
    FORCED = "forced"  # by a grammar made from the tools: for engines whose own way is loose
    NONE = "none"  # not at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One served model. `kind` and `context_tokens` are None where the engine has not told.

    `has_grammar`: whether its engine can be held to a JSON schema. `takes_suffix`: whether it fills
    in what comes before the `suffix` of a plain completion; llama.cpp ignores that without a word.
    `takes_prefill`: whether it goes on with an assistant's message that ends a chat; None where its
    engine tells.
    """

    name: str
    aliases: tuple[str, ...]
    windows: tuple[CompletionWindow, ...]
    prices: PriceList
    currency: str
    created_at: Instant
    kind: ModelKind | None = None
    tool_calling: ToolCalling = ToolCalling.NATIVE
    has_grammar: bool = True
    takes_images: bool = True
    takes_suffix: bool = False
    takes_prefill: bool | None = None
    context_tokens: int | None = None

    def price(self, window: CompletionWindow) -> Price:
        """Return what a token costs in `window`."""
        return self.prices.price(window.name, window.price_factor)
