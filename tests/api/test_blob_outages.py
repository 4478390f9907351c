"""An object store that is gone for a while: callers are told so in their own API's way."""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests.api.conftest import MODEL, Front
from tests.s3_server import S3Server

pytestmark = pytest.mark.parametrize("blobs_kind", ["s3"])

CONTENT = b'{"a": 1}\n'


async def test_a_file_is_refused_and_read_again_when_the_store_is_back(
    front: Front, s3_server: S3Server
) -> None:
    file = await front.openai.files.create(file=CONTENT, purpose="batch")
    s3_server.stop()
    try:
        with pytest.raises(openai.InternalServerError) as uploading:
            await front.openai.files.create(file=CONTENT, purpose="batch")
        with pytest.raises(openai.InternalServerError):
            await front.openai.files.content(file.id)
        # What is kept in the database is there all the same.
        assert await front.openai.files.retrieve(file.id) == file
    finally:
        s3_server.start()
    assert "127.0.0.1" not in str(uploading.value)
    assert (await front.openai.files.content(file.id)).content == CONTENT
    assert [found.id async for found in await front.openai.files.list()] == [file.id]


async def test_a_message_batch_is_refused_in_anthropics_way(
    front: Front, s3_server: S3Server
) -> None:
    s3_server.stop()
    try:
        with pytest.raises(anthropic.InternalServerError) as raised:
            await front.anthropic.messages.batches.create(
                requests=[
                    {
                        "custom_id": "one",
                        "params": {
                            "model": MODEL,
                            "max_tokens": 9,
                            "messages": [{"role": "user", "content": "hi"}],
                        },
                    }
                ]
            )
    finally:
        s3_server.start()
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["type"] == "error"
    assert [batch async for batch in await front.anthropic.messages.batches.list()] == []
