"""A model as the callers know it: its name, its windows and its prices."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Instant
from forebay.core.money import Price, PriceList
from forebay.core.windows import CompletionWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One served model. `context_tokens` is None where the engine has not told."""

    name: str
    aliases: tuple[str, ...]
    windows: tuple[CompletionWindow, ...]
    prices: PriceList
    currency: str
    created_at: Instant
    takes_tools: bool = True
    takes_images: bool = True
    context_tokens: int | None = None

    def price(self, window: CompletionWindow) -> Price:
        """Return what a token costs in `window`."""
        return self.prices.price(window.name, window.price_factor)
