"""A server killed while batches are uploaded: what was acknowledged is whole, the rest is gone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.batch_books import Books, books_of
from tests.crash.batch_calls import begun
from tests.crash.batch_checks import check
from tests.crash.batch_holds import Hold, holds_on
from tests.crash.batch_lines import CHATS, MESSAGES, Line, Lines, by_custom_id, input_file
from tests.crash.batch_remains import Remains, Vault, unfinished
from tests.crash.batch_sites import KINDS, batches_on_postgres, batches_on_sqlite
from tests.crash.batch_uploads import (
    begun_upload,
    completed,
    file_form,
    half_sent,
    part_added,
    part_form,
)
from tests.crash.callers import MODEL, POLL_S, Callers, Json
from tests.crash.rote_engine import rote_engine
from tests.crash.sites import PostgresSite, Site
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server

COUNT = 6
SLOTS = 4 * COUNT
STORY_S = 60.0
PADDING = b"\n" * 1_000_000  # empty lines, so that half of a part is more than a buffer holds
COMPLETING = Hold(name="hold_completion", table="upload", condition="NEW.status = 'completed'")
BEGUN, RECEIVING, WHOLE, COMPLETED = "begun", "receiving", "whole", "completed"
NAMES = (RECEIVING, WHOLE, BEGUN, COMPLETED)


@dataclass(slots=True)
class Sent:
    """An upload of two parts, and the ids of the parts that are there."""

    name: str
    upload_id: str
    halves: tuple[bytes, bytes]
    parts: list[str]

    @property
    def content(self) -> bytes:
        """What the file is to hold."""
        return b"".join(self.halves)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left when a batch of each upload has ended."""

    status_of_held: int
    uploads: dict[str, Json]
    uploads_again: dict[str, Json]
    contents: dict[str, bytes]
    wanted: dict[str, bytes]
    books: dict[str, Books]
    file_count: int
    message_batches: list[Json]
    unfinished_at_crash: list[str]
    unfinished: list[str]
    at_crash: Remains
    after_sweep: Remains


def lines_of(name: str) -> Lines:
    """Return the lines of an upload."""
    return by_custom_id(
        Line(custom_id=f"{name}-{number}", model=MODEL, prompt=f"{name} line {number}")
        for number in range(COUNT)
    )


async def _sent(callers: Callers, name: str, *, part_count: int) -> Sent:
    content = input_file(lines_of(name), CHATS)
    # Cut in the middle of a line.
    halves = content[: len(content) // 2 + 7], content[len(content) // 2 + 7 :] + PADDING
    upload_id = await begun_upload(callers, b"".join(halves), name=name)
    parts = [await part_added(callers, upload_id, half) for half in halves[:part_count]]
    return Sent(name, upload_id, halves, parts)


async def _story(site: Site, vault: Vault) -> Aftermath:
    callers = site.callers
    sent = {
        name: await _sent(callers, name, part_count=1 if name == RECEIVING else 2) for name in NAMES
    }
    whole, receiving = sent[COMPLETED], sent[RECEIVING]
    before = {COMPLETED: (await completed(callers, whole.upload_id, whole.parts))[1]}
    async with holds_on(site) as holds:
        await holds.put(COMPLETING)
        held, _ = await completed(callers, sent[BEGUN].upload_id, sent[BEGUN].parts)
        opened = [
            await half_sent(
                callers,
                f"/v1/uploads/{receiving.upload_id}/parts",
                part_form(receiving.halves[1]),
            ),
            await half_sent(callers, "/v1/files", file_form(receiving.content)),
            await half_sent(
                callers,
                "/v1/messages/batches",
                _message_batch(),
                content_type="application/json",
            ),
        ]
        data_dir = callers.server.data_dir
        if not isinstance(site, PostgresSite):
            await _until_unfinished(data_dir, len(opened))
        unfinished_at_crash = unfinished(data_dir)
        site.kill()
        at_crash = await vault.remains()
    for writer in opened:
        writer.close()
    await site.go_on()
    receiving.parts.append(
        await part_added(callers, receiving.upload_id, receiving.halves[1]),
    )
    uploads = {
        name: (await completed(callers, each.upload_id, each.parts))[1]
        for name, each in sent.items()
    }
    again = {
        name: (await completed(callers, each.upload_id, each.parts))[1]
        for name, each in sent.items()
    }
    files = {name: str(upload["file"]["id"]) for name, upload in uploads.items()}  # type: ignore[index]
    assert uploads[COMPLETED] == before[COMPLETED]
    found = await callers.get("/v1/files")
    contents = {
        name: await callers.content(f"/v1/files/{file_id}/content")
        for name, file_id in files.items()
    }
    ids = {name: (await begun(callers, files[name], name=name))[0] for name in NAMES}
    books = {
        name: await books_of(site, callers, batch_id, lines_of(name), CHATS)
        for name, batch_id in ids.items()
    }
    await vault.sweep()
    return Aftermath(
        status_of_held=held,
        uploads=uploads,
        uploads_again=again,
        contents=contents,
        wanted={name: each.content for name, each in sent.items()},
        books=books,
        file_count=len(found["data"]),  # type: ignore[arg-type]
        message_batches=(await callers.get("/v1/messages/batches"))["data"],  # type: ignore[arg-type]
        unfinished_at_crash=unfinished_at_crash,
        unfinished=unfinished(data_dir),
        at_crash=at_crash,
        after_sweep=await vault.remains(),
    )


def _message_batch() -> bytes:
    body = Line(custom_id="x", model=MODEL, prompt="x " * 200).body(MESSAGES)
    requests = [{"custom_id": f"half-{number}", "params": body} for number in range(2000)]
    return json.dumps({"requests": requests}).encode()


async def _until_unfinished(data_dir: Path, count: int) -> None:
    while True:
        if len(unfinished(data_dir)) == count:
            return
        await asyncio.sleep(POLL_S)


Told = dict[str, Aftermath | BaseException]


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    s3_server: S3Server,
) -> Told:
    """The stories of both kinds of sites, told at once."""
    folder = tmp_path_factory.mktemp("uploads")
    for kind in KINDS:
        (folder / kind).mkdir()

    async def on_sqlite() -> Aftermath:
        async with asyncio.timeout(STORY_S), rote_engine(pause_s=0) as engine:
            sites = batches_on_sqlite(folder / "sqlite", engine, [MODEL], slots=SLOTS)
            async with sites as (site, vault):
                return await _story(site, vault)

    async def on_postgres() -> Aftermath:
        async with asyncio.timeout(STORY_S), rote_engine(pause_s=0) as engine:
            servers = (postgres_server, s3_server)
            sites = batches_on_postgres(folder / "postgres", engine, [MODEL], servers, slots=SLOTS)
            async with sites as (site, vault):
                return await _story(site, vault)

    async def tell() -> Told:
        ends = await asyncio.gather(on_sqlite(), on_postgres(), return_exceptions=True)
        return dict(zip(KINDS, ends, strict=True))

    return asyncio.run(tell())


@pytest.fixture(params=KINDS)
def after(told: Told, request: pytest.FixtureRequest) -> Aftermath:
    """The aftermath of a crash."""
    end = told[request.param]
    if isinstance(end, BaseException):
        # Raised for each test anew, it would itself grow each time.
        raise AssertionError(f"the story broke off: {end!r}") from end
    return end


def test_an_upload_that_was_not_completed_goes_on_where_it_was(after: Aftermath) -> None:
    assert after.status_of_held >= 500
    assert {upload["status"] for upload in after.uploads.values()} == {"completed"}


def test_what_was_acknowledged_is_whole(after: Aftermath) -> None:
    assert after.contents == after.wanted


def test_a_completion_that_is_repeated_makes_no_second_file(after: Aftermath) -> None:
    assert after.uploads_again == after.uploads
    assert after.file_count == len(NAMES)


def test_what_was_cut_off_is_nothing(after: Aftermath) -> None:
    assert after.message_batches == []
    assert (after.at_crash.unnamed, after.at_crash.missing) == (set(), set())


def test_no_temporary_file_is_left(after: Aftermath, request: pytest.FixtureRequest) -> None:
    on_disk = request.node.callspec.params["after"] == "sqlite"
    assert len(after.unfinished_at_crash) == (3 if on_disk else 0)
    assert after.unfinished == []


@pytest.mark.parametrize("name", NAMES)
def test_its_batch_is_whole(after: Aftermath, name: str) -> None:
    check(after.books[name])
    assert len(after.books[name].output) == COUNT


def test_a_sweep_has_nothing_to_do(after: Aftermath) -> None:
    assert (after.after_sweep.unnamed, after.after_sweep.missing) == (set(), set())
