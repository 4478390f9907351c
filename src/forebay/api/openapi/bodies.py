"""Bodies that the code reads field by field, as types that describe them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from forebay.api.openapi.answers.shared import Metadata
from forebay.dialects.conversations import MAX_ITEMS
from forebay.dialects.embeddings import MAX_ENTRIES
from forebay.dialects.files import MAX_EXPIRY_S, MIN_EXPIRY_S, PURPOSES
from forebay.dialects.responses import INCLUDABLE
from forebay.dialects.turn import JsonObject

Input = str | list[JsonObject] | None
"""The `input` of Responses: a text, or items."""

ToolChoice = str | JsonObject | None

Includes = list[Annotated[str, Meta(extra_json_schema={"enum": sorted(INCLUDABLE)})]]

ServiceTier = Literal["auto", "default", "flex", "priority", "fast"] | None

Text = Annotated[str, Meta(min_length=1)]
Tokens = Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)]

Prompt = (
    str,
    Annotated[list[str], Meta(min_length=1)],
    Tokens,
    Annotated[list[Tokens], Meta(min_length=1)],
)
"""The `prompt` of Completions: one or many, each as text or as tokens."""

EmbeddingInput = (
    Text,
    Annotated[list[Text], Meta(min_length=1, max_length=MAX_ENTRIES)],
    Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1, max_length=MAX_ENTRIES)],
    Annotated[list[Tokens], Meta(min_length=1, max_length=MAX_ENTRIES)],
)
"""The `input` of Embeddings: one or many, each as text or as tokens."""

NewItems = Annotated[list[JsonObject], Meta(max_length=MAX_ITEMS)]


class UploadForm(msgspec.Struct):
    """A file, and what it is for. Files for batches are kept 30 days unless said otherwise."""

    file: Annotated[str, Meta(extra_json_schema={"format": "binary"})]
    purpose: Annotated[str, Meta(extra_json_schema={"enum": list(PURPOSES)})]
    expires_after_anchor: Literal["created_at"] | UnsetType = msgspec.field(
        default=UNSET, name="expires_after[anchor]"
    )
    expires_after_seconds: Annotated[int, Meta(ge=MIN_EXPIRY_S, le=MAX_EXPIRY_S)] | UnsetType = (
        msgspec.field(default=UNSET, name="expires_after[seconds]")
    )


class PartForm(msgspec.Struct):
    """A part of an upload."""

    data: Annotated[str, Meta(extra_json_schema={"format": "binary"})]


class MetadataBody(msgspec.Struct):
    """New metadata, in the place of the old; null empties it."""

    metadata: Metadata | None


class ConversationBody(msgspec.Struct):
    """A new conversation."""

    items: NewItems | None = None
    metadata: Metadata | None = None


class ItemsBody(msgspec.Struct):
    """Items to add."""

    items: Annotated[list[JsonObject], Meta(min_length=1, max_length=MAX_ITEMS)]


class KeyBody(msgspec.Struct):
    """A new key."""

    name: Annotated[str, Meta(min_length=1)]
