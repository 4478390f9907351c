"""Messages: images, documents and search results as the parts of a chat message."""

from __future__ import annotations

from base64 import b64encode

import pytest

from forebay.core.errors import InvalidParameter, RequestRejected, UnsupportedParameter
from forebay.dialects.turn import JsonObject
from tests.dialects.messages_calls import RESULT, assistant, messages, user

TEXT_SOURCE: JsonObject = {"type": "text", "media_type": "text/plain", "data": "Tides turn."}
IMAGE: JsonObject = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
IMAGE_PART: JsonObject = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
FOUND: JsonObject = {
    "type": "search_result",
    "source": "https://x",
    "title": "Tides",
    "content": [{"type": "text", "text": "They turn."}, {"type": "text", "text": "Twice."}],
}
USE: JsonObject = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}


def document(source: JsonObject, **others: object) -> JsonObject:
    return {"type": "document", "source": source, **others}


def test_images_become_urls() -> None:
    base64 = {"type": "base64", "media_type": "image/png", "data": "AA=="}
    said = messages(user({"type": "image", "source": base64}, IMAGE))
    assert said[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        IMAGE_PART,
    ]


@pytest.mark.parametrize(
    "source",
    [
        TEXT_SOURCE,
        {"type": "content", "content": "Tides turn."},
        {"type": "content", "content": [{"type": "text", "text": "Tides turn."}]},
        {
            "type": "base64",
            "media_type": "text/plain",
            "data": b64encode(b"Tides turn.").decode(),
        },
    ],
)
def test_a_document_is_text_in_tags(source: JsonObject) -> None:
    said = messages(user(document(source)))
    assert said[0]["content"] == "<document>\nTides turn.\n</document>"


def test_a_document_keeps_its_title_and_its_context() -> None:
    block = document(TEXT_SOURCE, title="Tides", context="from 1901", citations={"enabled": False})
    assert messages(user(block))[0]["content"] == (
        "<document>\n<title>Tides</title>\n<context>from 1901</context>\nTides turn.\n</document>"
    )


def test_the_images_of_a_document_stay_where_they_are() -> None:
    blocks = [{"type": "text", "text": "Look:"}, IMAGE]
    block = document({"type": "content", "content": blocks}, title="Tides")
    assert messages(user(block))[0]["content"] == [
        {"type": "text", "text": "<document>\n<title>Tides</title>"},
        {"type": "text", "text": "Look:"},
        IMAGE_PART,
        {"type": "text", "text": "</document>"},
    ]


def test_a_search_result_is_text_in_tags() -> None:
    assert messages(user(FOUND))[0]["content"] == (
        "<search_result>\n<source>https://x</source>\n<title>Tides</title>\n"
        "They turn.\nTwice.\n</search_result>"
    )


def test_a_tool_result_may_hold_all_of_them() -> None:
    blocks = [
        IMAGE,
        document(TEXT_SOURCE),
        FOUND,
        {"type": "tool_reference", "tool_name": "get_tide"},
    ]
    said = messages(assistant(USE), user(RESULT | {"content": blocks}))
    parts = said[1]["content"]
    assert isinstance(parts, list)
    assert parts[0] == IMAGE_PART
    texts = [part["text"] for part in parts[1:]]
    assert texts[0].startswith("<document>") and texts[1].startswith("<search_result>")
    assert texts[2] == "get_tide"


def test_a_document_of_the_assistant_is_part_of_its_text() -> None:
    said = messages(assistant(document(TEXT_SOURCE), {"type": "text", "text": " So."}))
    assert said[0]["content"] == "<document>\nTides turn.\n</document> So."


@pytest.mark.parametrize(
    ("block", "kind", "param"),
    [
        (
            document({"type": "base64", "media_type": "application/pdf", "data": "AA=="}),
            UnsupportedParameter,
            "source.media_type",
        ),
        (
            document({"type": "url", "url": "https://x/y.pdf"}),
            UnsupportedParameter,
            "source.type",
        ),
        (document({"type": "file", "file_id": "f"}), UnsupportedParameter, "source.type"),
        (
            document({"type": "base64", "media_type": "text/plain", "data": "no base64"}),
            InvalidParameter,
            "source.data",
        ),
        (
            document({"type": "base64", "media_type": "text/plain", "data": "/w=="}),
            InvalidParameter,
            "source.data",
        ),
        (
            document({"type": "content", "content": [{"type": "video"}]}),
            UnsupportedParameter,
            "source.content[0].type",
        ),
        (
            document(TEXT_SOURCE, citations={"enabled": True}),
            UnsupportedParameter,
            "citations",
        ),
        (FOUND | {"citations": {"enabled": True}}, UnsupportedParameter, "citations"),
        (
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            UnsupportedParameter,
            "source.type",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    block: JsonObject, kind: type[RequestRejected], param: str
) -> None:
    with pytest.raises(kind) as caught:
        messages(user(block))
    assert caught.value.param == f"messages[0].content[0].{param}"


def test_an_image_cannot_be_in_the_words_of_the_assistant() -> None:
    with pytest.raises(UnsupportedParameter):
        messages(assistant(document({"type": "content", "content": [IMAGE]})))
