"""The answers of Models, of the administrator's routes and of embeddings."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from forebay.api.openapi.answers.shared import Count, Forebay, Seconds


class PricePerMillion(msgspec.Struct):
    """What a million tokens cost, as decimal numbers."""

    input: str
    cached: str
    output: str


class ModelForebay(msgspec.Struct):
    """What is Forebay's own of a model; the prices are those of its completion windows."""

    aliases: list[str]
    currency: str
    context_tokens: int | None
    prices_per_million_tokens: dict[str, PricePerMillion]


class Model(msgspec.Struct):
    """A model, as OpenAI shows it."""

    id: str
    object: Literal["model"]
    created: Seconds
    owned_by: Literal["forebay"]
    forebay: ModelForebay


class ModelList(msgspec.Struct):
    """Every model; there are no pages."""

    object: Literal["list"]
    data: list[Model]


class AnthropicModel(msgspec.Struct):
    """A model, as Anthropic shows it."""

    type: Literal["model"]
    id: str
    display_name: str
    created_at: str
    lifecycle: Literal["active"]
    max_input_tokens: int | None


class AnthropicModelPage(msgspec.Struct):
    """A page of models."""

    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ProjectKey(msgspec.Struct):
    """An API key, of which only the end is shown."""

    object: Literal["organization.project.api_key"]
    id: str
    name: str
    redacted_value: str
    created_at: Seconds
    revoked_at: Seconds | None
    is_admin: bool


class NewProjectKey(ProjectKey, kw_only=True):
    """An API key that was just made. Its value is never shown again."""

    value: str


class ProjectKeyList(msgspec.Struct):
    """Every key of a project."""

    object: Literal["list"]
    data: list[ProjectKey]


class Embedding(msgspec.Struct):
    """A vector: numbers, or with `encoding_format: base64` little-endian 32-bit floats."""

    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str


class EmbeddingUsage(msgspec.Struct):
    """What embeddings took."""

    prompt_tokens: Count
    total_tokens: Count


class EmbeddingList(msgspec.Struct):
    """A vector for each input, in their order."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    forebay: Forebay | UnsetType = UNSET
