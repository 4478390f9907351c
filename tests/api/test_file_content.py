"""The content of files: ranges of bytes as HTTP has them, and lines while a batch still runs."""

from __future__ import annotations

import json
from pathlib import Path

import openai
import pytest

from forebay.settings import Settings
from tests.api.conftest import Front
from tests.api.test_batches import ended, line, submit
from tests.fakes import Gate, ScriptedEngine, says, until

CONTENT = b"0123456789"


async def kept(front: Front, content: bytes = CONTENT) -> str:
    """Upload a file and return the path of its content."""
    file = await front.openai.files.create(file=("a.txt", content), purpose="user_data")
    return f"/v1/files/{file.id}/content"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("bytes=0-3", "0-3"),
        ("bytes=3-3", "3-3"),
        ("bytes=4-", "4-9"),
        ("bytes=8-99", "8-9"),
        ("bytes=-3", "7-9"),
        ("bytes=-99", "0-9"),
        ("Bytes = 0-0 ", "0-0"),
    ],
)
async def test_one_range_is_sent_alone(front: Front, asked: str, sent: str) -> None:
    answer = await front.http.get(await kept(front), headers={"range": asked})
    first, last = map(int, sent.split("-"))
    assert answer.status_code == 206
    assert answer.content == CONTENT[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {sent}/10"
    assert answer.headers["content-length"] == str(last + 1 - first)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=-",
        "lines=0-1",
        "0-1",
        "bytes=a-b",
        "bytes=0-" + "9" * 30,
    ],
)
async def test_what_is_no_single_range_is_answered_with_the_whole(front: Front, asked: str) -> None:
    answer = await front.http.get(await kept(front), headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert "content-range" not in answer.headers


async def test_a_range_for_another_state_of_the_file_is_not_used(front: Front) -> None:
    headers = {"range": "bytes=0-1", "if-range": '"an etag of ours"'}
    answer = await front.http.get(await kept(front), headers=headers)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
async def test_a_range_behind_the_end_is_refused(front: Front, asked: str) -> None:
    answer = await front.http.get(await kept(front), headers={"range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10"
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("Range", "range_not_satisfiable")


async def test_an_empty_file_has_no_range(front: Front) -> None:
    path = await kept(front, b"")
    assert (await front.http.get(path)).content == b""
    answer = await front.http.get(path, headers={"range": "bytes=-1"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */0")


async def test_the_whole_tells_its_length_and_that_ranges_can_be_had(front: Front) -> None:
    answer = await front.http.get(await kept(front))
    assert answer.headers["content-length"] == "10"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "x-incomplete" not in answer.headers


async def test_the_head_alone_can_be_asked_for(front: Front) -> None:
    path = await kept(front)
    answer = await front.http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "10"
    assert answer.headers["accept-ranges"] == "bytes"
    part = await front.http.head(path, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 2-4/10")


async def test_a_large_file_is_sent_whole_and_by_any_range(front: Front) -> None:
    content = b"".join([b"%07d\n" % number for number in range(24_000)])
    path = await kept(front, content)
    assert (await front.http.get(path)).content == content
    answer = await front.http.get(path, headers={"range": "bytes=100000-180000"})
    assert answer.content == content[100_000:180_001]


async def test_lines_of_any_file_are_left_out(front: Front) -> None:
    path = await kept(front, b"a\nb\nc")
    assert (await front.http.get(path, params={"offset": 1})).content == b"b\nc"
    assert (await front.http.get(path, params={"skip": 2})).content == b"c"
    assert (await front.http.get(path, params={"offset": 9})).content == b""
    assert (await front.http.get(path, params={"offset": 1, "skip": 1})).content == b"b\nc"


async def test_a_range_is_one_of_what_is_left(front: Front) -> None:
    path = await kept(front, b"a\nb\nc\n")
    answer = await front.http.get(path, params={"skip": 1}, headers={"range": "bytes=2-"})
    assert answer.content == b"c\n"
    assert answer.headers["content-range"] == "bytes 2-3/4"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("offset=-1", "offset"),
        ("offset=", "offset"),
        ("skip=many", "skip"),
        ("offset=" + "9" * 99, "offset"),
        ("offset=1&skip=2", "skip"),
        ("offset=1&offset=2", "offset"),
        ("lines=3", "lines"),
    ],
)
async def test_what_cannot_be_left_out_is_refused(front: Front, query: str, param: str) -> None:
    answer = await front.http.get(f"{await kept(front)}?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_the_results_of_a_running_batch_are_read_line_by_line(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.by_prompt = {"late": [gate, *says("late")]}
    batch = await submit(front, line("a", "early"), line("b", "late"))

    async def output() -> str | None:
        return (await front.openai.batches.retrieve(batch.id)).output_file_id

    path = f"/v1/files/{await until(output)}/content"
    so_far = await front.http.get(path)
    assert [json.loads(text)["custom_id"] for text in so_far.text.splitlines()] == ["a"]
    assert (so_far.headers["x-incomplete"], so_far.headers["x-last-line"]) == ("true", "1")
    nothing_new = await front.http.get(path, params={"offset": 1})
    assert (nothing_new.content, nothing_new.headers["x-last-line"]) == (b"", "1")
    gate.open()
    await ended(front, batch)
    rest = await front.http.get(path, params={"offset": 1})
    assert [json.loads(text)["custom_id"] for text in rest.text.splitlines()] == ["b"]
    assert (rest.headers["x-incomplete"], rest.headers["x-last-line"]) == ("false", "2")
    assert (await front.http.get(path)).content == so_far.content + rest.content


async def test_a_range_of_results_does_not_say_which_line_is_its_last(
    front: Front, engine: ScriptedEngine
) -> None:
    done = await ended(front, await submit(front, line("a")))
    path = f"/v1/files/{done.output_file_id}/content"
    answer = await front.http.get(path, headers={"range": "bytes=0-9"})
    assert answer.status_code == 206
    assert answer.headers["x-incomplete"] == "false"
    assert "x-last-line" not in answer.headers


async def test_a_file_whose_bytes_are_gone_is_not_found(front: Front, settings: Settings) -> None:
    path = await kept(front)
    for blob in (Path(settings.data_dir) / "blobs").rglob("blob_*"):
        blob.unlink()
    for query in ("", "?offset=1"):
        answer = await front.http.get(path + query)
        assert answer.status_code == 404
        assert "No such File object" in answer.json()["error"]["message"]
    assert (await front.http.head(path)).status_code == 404


async def test_the_content_is_read_by_the_official_client(front: Front) -> None:
    file = await front.openai.files.create(file=("a.txt", CONTENT), purpose="user_data")
    answer = await front.openai.files.content(file.id, extra_headers={"Range": "bytes=2-4"})
    assert answer.content == b"234"
    with pytest.raises(openai.APIStatusError) as refused:
        await front.openai.files.content(file.id, extra_headers={"Range": "bytes=99-"})
    assert refused.value.status_code == 416
