"""The wire shapes of models, as OpenAI's and Anthropic's lists have them."""

from __future__ import annotations

from datetime import UTC, datetime

from forebay.core.clock import Instant, seconds_of
from forebay.core.errors import InvalidParameter
from forebay.core.models import Model
from forebay.core.money import Price
from forebay.dialects.turn import JsonObject

PICO_PER_UNIT_AND_MILLION = 1_000_000


def openai_model(model: Model) -> JsonObject:
    """Return OpenAI's `model` object, with windows and prices under `forebay`."""
    return {
        "id": model.name,
        "object": "model",
        "created": seconds_of(model.created_at),
        "owned_by": "forebay",
        "forebay": {
            "aliases": list(model.aliases),
            "currency": model.currency,
            "context_tokens": model.context_tokens,
            "prices_per_million_tokens": {
                window.name: _price(model.price(window)) for window in model.windows
            },
        },
    }


def anthropic_model(model: Model) -> JsonObject:
    """Return Anthropic's `model` object."""
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": rfc3339(model.created_at),
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
    }


def openai_list(models: list[Model]) -> JsonObject:
    """Return OpenAI's list, which has no pages."""
    return {"object": "list", "data": [openai_model(model) for model in models]}


def anthropic_page(
    models: list[Model], *, limit: int, after_id: str | None = None, before_id: str | None = None
) -> JsonObject:
    """Return a page of Anthropic's list: the `limit` first, or next to the model of that id.

    `has_more` tells of more in the direction of the paging. Raises `InvalidParameter` for an id of
    no model, and for two of them.
    """
    if after_id is not None and before_id is not None:
        raise InvalidParameter("'after_id' and 'before_id' exclude each other.", param="before_id")
    if before_id is not None:
        ahead = models[: _place(models, before_id, param="before_id")]
        page, has_more = ahead[-limit:], len(ahead) > limit
    else:
        begin = 0 if after_id is None else _place(models, after_id, param="after_id") + 1
        page, has_more = models[begin : begin + limit], len(models) > begin + limit
    return {
        "data": [anthropic_model(model) for model in page],
        "has_more": has_more,
        "first_id": page[0].name if page else None,
        "last_id": page[-1].name if page else None,
    }


def rfc3339(instant: Instant) -> str:
    """Return the instant as Anthropic writes times."""
    return datetime.fromtimestamp(seconds_of(instant), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _place(models: list[Model], name: str, *, param: str) -> int:
    for index, model in enumerate(models):
        if model.name == name:
            return index
    raise InvalidParameter(f"No model with id '{name}' is in this list.", param=param)


def _price(price: Price) -> JsonObject:
    return {
        "input": _per_million(price.input),
        "cached": _per_million(price.cached),
        "output": _per_million(price.output),
    }


def _per_million(picos: int) -> str:
    """Return pico-units per token as a decimal of whole units per million tokens."""
    units, rest = divmod(picos, PICO_PER_UNIT_AND_MILLION)
    return f"{units}.{rest:06d}".rstrip("0").rstrip(".")
