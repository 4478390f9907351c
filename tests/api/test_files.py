"""Files through OpenAI's client, and forms as other clients write them."""

from __future__ import annotations

import openai
import pytest

from tests.api.conftest import MAX_FILE_BYTES, Front
from tests.fakes import START, ManualClock

CONTENT = b'{"a": 1}\n'


def form(*parts: bytes, is_closed: bool = True) -> tuple[bytes, dict[str, str]]:
    """Return a multipart body and its headers."""
    body = b"".join([b"--edge\r\n" + part + b"\r\n" for part in parts])
    end = b"--edge--\r\n" if is_closed else b""
    return body + end, {"content-type": "multipart/form-data; boundary=edge"}


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def upload(content: bytes = CONTENT, name: str = "file") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="in.jsonl"\r\n\r\n'
    return head.encode() + content


async def test_an_uploaded_file_is_read_back(front: Front) -> None:
    file = await front.openai.files.create(file=("in.jsonl", CONTENT), purpose="batch")
    assert (file.filename, file.bytes, file.purpose) == ("in.jsonl", len(CONTENT), "batch")
    assert await front.openai.files.retrieve(file.id) == file
    assert (await front.openai.files.content(file.id)).content == CONTENT


async def test_a_batch_file_lives_thirty_days_and_another_for_ever(front: Front) -> None:
    batch = await front.openai.files.create(file=CONTENT, purpose="batch")
    other = await front.openai.files.create(file=CONTENT, purpose="user_data")
    assert batch.expires_at == batch.created_at + 30 * 86_400
    assert other.expires_at is None


async def test_a_file_lives_as_long_as_asked(front: Front, clock: ManualClock) -> None:
    file = await front.openai.files.create(
        file=CONTENT, purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert file.expires_at == START // 1000 + 3600
    clock.move(3600)
    with pytest.raises(openai.NotFoundError):
        await front.openai.files.retrieve(file.id)


async def test_pages_follow_each_other_from_new_to_old(front: Front) -> None:
    made = [await front.openai.files.create(file=CONTENT, purpose="batch") for _ in range(5)]
    first = await front.openai.files.list(limit=2)
    assert first.has_more
    found = [file.id async for file in first]
    assert found == [file.id for file in reversed(made)]


async def test_a_list_can_be_of_one_purpose(front: Front) -> None:
    await front.openai.files.create(file=CONTENT, purpose="batch")
    other = await front.openai.files.create(file=CONTENT, purpose="user_data")
    assert [file.id async for file in front.openai.files.list(purpose="user_data")] == [other.id]


async def test_a_deleted_file_is_gone(front: Front) -> None:
    file = await front.openai.files.create(file=CONTENT, purpose="batch")
    assert (await front.openai.files.delete(file.id)).deleted
    for act in (front.openai.files.retrieve, front.openai.files.delete, front.openai.files.content):
        with pytest.raises(openai.NotFoundError):
            await act(file.id)


@pytest.mark.parametrize("limit", ["0", "10001", "many", "-1"])
async def test_a_limit_out_of_range_is_refused(front: Front, limit: str) -> None:
    answer = await front.http.get("/v1/files", params={"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "limit"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("purpose=nonsense", "purpose"),
        ("purpose=message_batch", "purpose"),
        ("order=up", "order"),
        ("before=file-1", "before"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_what_a_list_cannot_be_asked_for_is_refused(
    front: Front, query: str, param: str
) -> None:
    answer = await front.http.get(f"/v1/files?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_a_list_of_a_purpose_that_no_file_has_is_empty(front: Front) -> None:
    await front.openai.files.create(file=CONTENT, purpose="batch")
    assert [file async for file in front.openai.files.list(purpose="batch_output")] == []


async def test_fields_may_come_before_and_after_the_file(front: Front) -> None:
    for parts in (
        (field("purpose", "batch"), upload()),
        (upload(), field("purpose", "batch")),
    ):
        body, headers = form(*parts)
        answer = await front.http.post("/v1/files", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["bytes"] == len(CONTENT)


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ((upload(),), "purpose"),
        ((field("purpose", "batch"),), "file"),
        ((upload(), field("purpose", "nonsense")), "purpose"),
        ((upload(), upload(), field("purpose", "batch")), "file"),
        (
            (
                upload(),
                field("purpose", "batch"),
                field("expires_after[anchor]", "now"),
                field("expires_after[seconds]", "3600"),
            ),
            "expires_after.anchor",
        ),
        (
            (
                upload(),
                field("purpose", "batch"),
                field("expires_after[anchor]", "created_at"),
                field("expires_after[seconds]", "60"),
            ),
            "expires_after.seconds",
        ),
        (
            (
                upload(),
                field("purpose", "batch"),
                field("expires_after[anchor]", "created_at"),
                field("expires_after[seconds]", "9" * 5000),
            ),
            "expires_after.seconds",
        ),
        (
            (upload(), field("purpose", "batch"), field("expires_after[anchor]", "created_at")),
            "expires_after.seconds",
        ),
        ((upload(), field("purpose", "batch"), field("mime_type", "text/plain")), "mime_type"),
        ((upload(), field("purpose", "batch"), field("purpose", "evals")), "purpose"),
        ((field("file", "no name"), field("purpose", "batch")), "file"),
    ],
    ids=[
        "no-purpose",
        "no-file",
        "wrong-purpose",
        "two-files",
        "wrong-anchor",
        "too-short",
        "no-number",
        "no-seconds",
        "unknown-field",
        "two-purposes",
        "file-without-a-name",
    ],
)
async def test_a_wrong_form_names_its_field_and_leaves_no_file(
    front: Front, parts: tuple[bytes, ...], param: str
) -> None:
    body, headers = form(*parts)
    answer = await front.http.post("/v1/files", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert [file async for file in front.openai.files.list()] == []


async def test_a_form_that_ends_within_its_file_is_refused(front: Front) -> None:
    body, headers = form(field("purpose", "batch"), upload(), is_closed=False)
    answer = await front.http.post("/v1/files", content=body, headers=headers)
    assert answer.status_code == 400
    assert [file async for file in front.openai.files.list()] == []


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 1000,
    ],
)
async def test_a_body_that_is_no_form_is_refused(front: Front, content_type: str) -> None:
    answer = await front.http.post(
        "/v1/files", content=b"{}", headers={"content-type": content_type}
    )
    assert answer.status_code == 400


async def test_a_field_that_is_too_long_is_refused(front: Front) -> None:
    body, headers = form(field("purpose", "b" * 100_000), upload())
    answer = await front.http.post("/v1/files", content=body, headers=headers)
    assert answer.status_code == 400


async def test_a_file_that_is_too_large_is_refused(front: Front) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await front.openai.files.create(file=b"x" * (MAX_FILE_BYTES + 1), purpose="batch")
    assert refused.value.status_code == 413


async def test_another_project_is_told_the_same_as_of_an_unknown_id(front: Front) -> None:
    file = await front.openai.files.create(file=CONTENT, purpose="batch")
    foreign = front.openai_as(await front.key_of_another_project())
    assert [found async for found in foreign.files.list()] == []
    for act in (foreign.files.retrieve, foreign.files.content, foreign.files.delete):
        messages = []
        for file_id in (file.id, "file-unknown"):
            with pytest.raises(openai.NotFoundError) as refused:
                await act(file_id)
            messages.append(refused.value.message.replace(file_id, "ID"))
        assert messages[0] == messages[1]
    assert (await front.openai.files.content(file.id)).content == CONTENT
