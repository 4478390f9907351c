"""Uploads in parts, through OpenAI's client and as plain forms."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from openai.types import Upload

from tests.api.conftest import Front
from tests.api.idempotent_calls import once, spent
from tests.api.test_batches import ended, line
from tests.api.test_files import field, form, upload
from tests.fakes import ManualClock

CONTENT = b"abcdef"
BODY: Any = {"bytes": 6, "filename": "a.txt", "mime_type": "text/plain", "purpose": "user_data"}


async def begun(front: Front, **others: Any) -> Upload:
    return await front.openai.uploads.create(**(BODY | others))


async def send(front: Front, upload_id: str, content: bytes = CONTENT, **others: Any) -> str:
    part = await front.openai.uploads.parts.create(upload_id, data=content, **others)
    return part.id


async def test_a_file_is_sent_in_parts_by_the_official_client(front: Front) -> None:
    content = b"".join([b"%07d\n" % number for number in range(1000)])
    upload = await front.openai.uploads.upload_file_chunked(
        file=content,
        filename="numbers.txt",
        bytes=len(content),
        mime_type="text/plain",
        purpose="user_data",
        part_size=3000,
        md5=hashlib.md5(content).hexdigest(),
    )
    assert (upload.status, upload.filename) == ("completed", "numbers.txt")
    assert upload.file is not None
    assert (upload.file.bytes, upload.file.purpose) == (8000, "user_data")
    assert await front.openai.files.retrieve(upload.file.id) == upload.file
    assert [file.id async for file in front.openai.files.list()] == [upload.file.id]
    assert (await front.openai.files.content(upload.file.id)).content == content
    across = {"Range": "bytes=2995-3004"}
    answer = await front.openai.files.content(upload.file.id, extra_headers=across)
    assert answer.content == content[2995:3005]
    await front.openai.files.delete(upload.file.id)
    with pytest.raises(openai.NotFoundError):
        await front.openai.files.content(upload.file.id)


async def test_a_path_is_sent_in_parts_by_the_official_client(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(CONTENT)
    upload = await front.openai.uploads.upload_file_chunked(
        file=path, mime_type="text/plain", purpose="user_data", part_size=4
    )
    assert upload.file is not None
    assert (await front.openai.files.content(upload.file.id)).content == CONTENT


async def test_a_batch_runs_the_lines_of_an_upload(front: Front) -> None:
    content = b"".join([json.dumps(line(f"row-{number}")).encode() + b"\n" for number in range(5)])
    upload = await front.openai.uploads.upload_file_chunked(
        file=content,
        filename="in.jsonl",
        bytes=len(content),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=100,
    )
    assert upload.file is not None
    batch = await front.openai.batches.create(
        input_file_id=upload.file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    done = await ended(front, batch)
    assert done.request_counts is not None
    assert (done.status, done.request_counts.completed) == ("completed", 5)


async def test_parts_may_come_at_once_and_in_any_order(front: Front) -> None:
    upload = await begun(front)
    parts = await asyncio.gather(*[send(front, upload.id, text) for text in (b"def", b"abc")])
    done = await front.openai.uploads.complete(upload.id, part_ids=[parts[1], parts[0]])
    assert done.file is not None
    assert (await front.openai.files.content(done.file.id)).content == CONTENT


async def test_an_upload_can_be_looked_at(front: Front) -> None:
    upload = await begun(front)
    found = (await front.http.get(f"/v1/uploads/{upload.id}")).json()
    assert Upload.model_validate(found) == upload
    assert (found["status"], found["bytes"], found["file"]) == ("pending", 6, None)


async def test_completing_again_answers_with_the_same_file(front: Front) -> None:
    upload = await begun(front)
    part = await send(front, upload.id)
    first = await front.openai.uploads.complete(upload.id, part_ids=[part])
    assert await front.openai.uploads.complete(upload.id, part_ids=[part]) == first


async def test_a_cancelled_upload_takes_nothing_more(front: Front) -> None:
    upload = await begun(front)
    part = await send(front, upload.id)
    assert (await front.openai.uploads.cancel(upload.id)).status == "cancelled"
    assert (await front.openai.uploads.cancel(upload.id)).status == "cancelled"
    for act in (
        send(front, upload.id),
        front.openai.uploads.complete(upload.id, part_ids=[part]),
    ):
        with pytest.raises(openai.BadRequestError, match="cancelled") as refused:
            await act
        assert (refused.value.code, refused.value.param) == ("upload_not_pending", "upload_id")


async def test_an_upload_expires_after_an_hour(front: Front, clock: ManualClock) -> None:
    upload = await begun(front)
    assert upload.expires_at == upload.created_at + 3600
    clock.move(3600)
    with pytest.raises(openai.BadRequestError, match="expired"):
        await send(front, upload.id)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"bytes": 8 * 1024**3 + 1}, "bytes"),
        ({"purpose": "nonsense"}, "purpose"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after.seconds"),
    ],
)
async def test_a_wrong_upload_is_refused_with_its_field(
    front: Front, change: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await begun(front, **change)
    assert refused.value.param == param


async def test_parts_that_are_not_the_announced_file_are_refused(front: Front) -> None:
    upload = await begun(front)
    part = await send(front, upload.id, b"abc")
    for wrong, param in (
        ({"part_ids": [part]}, "part_ids"),
        ({"part_ids": [part, part]}, "part_ids"),
        ({"part_ids": ["part_unknown"]}, "part_ids[0]"),
        ({"part_ids": [part, await send(front, upload.id, b"def")], "md5": "0" * 32}, "md5"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            await front.openai.uploads.complete(upload.id, **wrong)
        assert (refused.value.param, refused.value.code) == (param, "invalid_value")


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ((), "data"),
        ((field("note", "hi"), upload(name="data")), "note"),
        ((upload(),), "file"),
        ((upload(name="data"), upload(name="data")), "data"),
    ],
    ids=["nothing", "a-field", "another-name", "twice"],
)
async def test_a_wrong_form_is_refused_with_its_field(
    front: Front, parts: tuple[bytes, ...], param: str
) -> None:
    body, headers = form(*parts)
    path = f"/v1/uploads/{(await begun(front)).id}/parts"
    answer = await front.http.post(path, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_a_part_may_come_without_a_filename(front: Front) -> None:
    upload = await begun(front)
    body, headers = form(field("data", "abcdef"))
    answer = await front.http.post(f"/v1/uploads/{upload.id}/parts", content=body, headers=headers)
    done = await front.openai.uploads.complete(upload.id, part_ids=[answer.json()["id"]])
    assert done.status == "completed"


async def test_a_part_that_is_declared_too_large_is_refused_at_once(front: Front) -> None:
    path = f"/v1/uploads/{(await begun(front)).id}/parts"
    headers = {"content-length": str(70 * 1024 * 1024)}
    assert (await front.http.post(path, content=b"-", headers=headers)).status_code == 413


async def test_each_step_is_done_once_for_its_idempotency_key(front: Front) -> None:
    uploads = [await begun(front, extra_headers=once()) for _ in range(2)]
    assert uploads[0] == uploads[1]
    upload_id = uploads[0].id
    parts = [await send(front, upload_id, extra_headers=once()) for _ in range(2)]
    assert parts[0] == parts[1]
    ends = [
        await front.openai.uploads.complete(upload_id, part_ids=[parts[0]], extra_headers=once())
        for _ in range(2)
    ]
    assert ends[0] == ends[1]
    assert len((await front.openai.files.list()).data) == 1


async def test_a_key_does_not_serve_for_another_body(front: Front) -> None:
    upload = await begun(front, extra_headers=once())
    part = await send(front, upload.id, extra_headers=once())
    await front.openai.uploads.complete(upload.id, part_ids=[part], extra_headers=once())
    for act in (
        begun(front, bytes=7, extra_headers=once()),
        front.openai.uploads.complete(upload.id, part_ids=["part_2"], extra_headers=once()),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            await act
        assert spent(refused)


async def test_another_project_is_told_the_same_as_of_an_unknown_id(front: Front) -> None:
    upload = await begun(front)
    part = await send(front, upload.id)
    foreign = front.openai_as(await front.key_of_another_project())
    for upload_id in (upload.id, "upload_unknown"):
        for act in (
            foreign.uploads.parts.create(upload_id, data=b"abc"),
            foreign.uploads.complete(upload_id, part_ids=[part]),
            foreign.uploads.cancel(upload_id),
        ):
            with pytest.raises(openai.NotFoundError, match="No such Upload object"):
                await act
    assert (await front.openai.uploads.complete(upload.id, part_ids=[part])).status == "completed"


async def test_a_client_of_anthropics_reads_its_own_words(front: Front) -> None:
    with pytest.raises(anthropic.NotFoundError) as refused:
        await front.anthropic.get("/v1/uploads/upload_unknown", cast_to=object)
    assert refused.value.response.json()["error"]["type"] == "not_found_error"
