"""The content blocks that a model reads, from Anthropic's words to the parts of a chat message.

Chat knows text and images. Documents and search results are text between tags that name them, as
their vendor advises to write them where no blocks are.
"""

from __future__ import annotations

from base64 import b64decode

import msgspec

from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read


class TextBlock(msgspec.Struct):
    """A block of text; its citations are of no use to a model."""

    text: str


class _ImageBlock(msgspec.Struct):
    source: JsonObject


class _Citations(msgspec.Struct):
    enabled: bool | None = None


class _DocumentBlock(msgspec.Struct):
    source: JsonObject
    title: str | None = None
    context: str | None = None
    citations: _Citations | None = None


class _SearchResultBlock(msgspec.Struct):
    source: str
    title: str
    content: list[JsonObject]
    citations: _Citations | None = None


class _ToolReferenceBlock(msgspec.Struct):
    tool_name: str


class _Base64Source(msgspec.Struct):
    media_type: str
    data: str


class _UrlSource(msgspec.Struct):
    url: str


class _TextSource(msgspec.Struct):
    data: str


class _BlocksSource(msgspec.Struct):
    content: str | list[JsonObject]


def chat_parts(block: JsonObject, *, at: str) -> list[JsonObject]:
    """Return the parts that a block becomes; raises `RequestRejected` with its path."""
    match block.get("type"):
        case "text":
            return [_text(read(block, TextBlock, at=at).text)]
        case "image":
            source = read(block, _ImageBlock, at=at).source
            url = _image_url(source, at=f"{at}.source")
            return [{"type": "image_url", "image_url": {"url": url}}]
        case "document":
            return _document(read(block, _DocumentBlock, at=at), at=at)
        case "search_result":
            return _search_result(read(block, _SearchResultBlock, at=at), at=at)
        case "tool_reference":
            # Every tool is shown to the model from the start: its name is all that is new.
            return [_text(read(block, _ToolReferenceBlock, at=at).tool_name)]
        case kind:
            raise unsupported(kind, at=at)


def content_of(parts: list[JsonObject]) -> str | list[JsonObject]:
    """Return the parts as the content of a message."""
    # Plain text wherever it is enough: not every chat template takes lists.
    if len(parts) > 1 or any(part["type"] != "text" for part in parts):
        return parts
    return str(parts[0]["text"]) if parts else ""


def unsupported(kind: object, *, at: str) -> UnsupportedParameter:
    """Return the refusal of a block."""
    return UnsupportedParameter(
        f"{at}.type", f"blocks of type '{kind}' are not supported here; send their text instead"
    )


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _document(block: _DocumentBlock, *, at: str) -> list[JsonObject]:
    _refuse_citations(block.citations, at=at)
    parts = _document_parts(block.source, at=f"{at}.source")
    return _tagged("document", {"title": block.title, "context": block.context}, parts)


def _document_parts(source: JsonObject, *, at: str) -> list[JsonObject]:
    match source.get("type"):
        case "text":
            return [_text(read(source, _TextSource, at=at).data)]
        case "content":
            content = read(source, _BlocksSource, at=at).content
            if isinstance(content, str):
                return [_text(content)]
            return _all_parts(content, at=f"{at}.content")
        case "base64":
            return [_text(_plain_text(read(source, _Base64Source, at=at), at=at))]
        case kind:
            raise UnsupportedParameter(
                f"{at}.type",
                f"documents of source '{kind}' cannot be read here; send their text, as source "
                "'text' or 'content'",
            )


def _plain_text(source: _Base64Source, *, at: str) -> str:
    if not source.media_type.startswith("text/"):
        raise UnsupportedParameter(
            f"{at}.media_type",
            f"documents of type '{source.media_type}' cannot be read here; send their text",
        )
    try:
        return b64decode(source.data, validate=True).decode()
    except ValueError:
        raise InvalidParameter(
            f"Invalid value for '{at}.data': it is not text in base64.", param=f"{at}.data"
        ) from None


def _search_result(block: _SearchResultBlock, *, at: str) -> list[JsonObject]:
    _refuse_citations(block.citations, at=at)
    parts = _all_parts(block.content, at=f"{at}.content")
    return _tagged("search_result", {"source": block.source, "title": block.title}, parts)


def _all_parts(blocks: list[JsonObject], *, at: str) -> list[JsonObject]:
    return [
        part
        for index, block in enumerate(blocks)
        for part in chat_parts(block, at=f"{at}[{index}]")
    ]


def _tagged(tag: str, fields: dict[str, str | None], parts: list[JsonObject]) -> list[JsonObject]:
    head = [f"<{tag}>", *[f"<{name}>{text}</{name}>" for name, text in fields.items() if text]]
    tail = f"</{tag}>"
    if all(part["type"] == "text" for part in parts):
        return [_text("\n".join([*head, *[str(part["text"]) for part in parts], tail]))]
    return [_text("\n".join(head)), *parts, _text(tail)]


def _refuse_citations(citations: _Citations | None, *, at: str) -> None:
    if citations is not None and citations.enabled:
        raise UnsupportedParameter(f"{at}.citations", "no citations are made here")


def _image_url(source: JsonObject, *, at: str) -> str:
    match source.get("type"):
        case "base64":
            image = read(source, _Base64Source, at=at)
            return f"data:{image.media_type};base64,{image.data}"
        case "url":
            return read(source, _UrlSource, at=at).url
        case kind:
            raise UnsupportedParameter(
                f"{at}.type", f"images of source '{kind}' are not supported; use 'base64' or 'url'"
            )
