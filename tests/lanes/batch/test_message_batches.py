"""Message Batches at the desk: what is kept of a body, lists, and batches that are never begun."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from forebay.core.batches import Batch, BatchApi
from forebay.core.errors import InvalidParameter, NotFound, RequestRejected, WindowNotOffered
from forebay.core.files import MESSAGE_BATCH
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.dialects.message_batches import version_of
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.message_batches import MessageBatchDesk
from forebay.store.reservations import Birth
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import CountingIds, ManualClock
from tests.lanes.house import CALLER

BASE_URL = "http://here"
REQUESTS: list[JsonObject] = [
    {"custom_id": f"row-{number}", "params": {"model": "tiny"}} for number in range(3)
]


class Desk:
    """The desk, and how often it has told that something changed."""

    def __init__(self, store: Store, clock: ManualClock, new_id: CountingIds) -> None:
        self.store, self.new_id = store, new_id
        self.changes = 0
        self.batches = MessageBatchDesk(
            store,
            clock=clock,
            new_id=new_id,
            windows=DEFAULT_WINDOWS,
            currency="USD",
            expiry_s=86_400,
            max_requests=10,
            max_bytes=100_000,
            on_changed=self.changed,
        )

    def changed(self) -> None:
        self.changes += 1

    async def make(self, body: JsonObject | None = None, **others: Any) -> Any:
        """Make a batch of a body; returns the object."""

        async def pieces() -> AsyncIterator[bytes]:
            yield json.dumps({"requests": REQUESTS} if body is None else body).encode()

        values: dict[str, Any] = {"version": None, "header_window": None} | others
        return await self.batches.create(
            CALLER,
            await self.batches.receive(pieces()),
            birth=Birth(id=self.new_id("msgbatch_")),
            base_url=BASE_URL,
            **values,
        )

    async def kept(self, shown: JsonObject) -> Batch:
        """Return the batch as it is kept."""
        batch = await self.store.batches.get(CALLER.project_id, str(shown["id"]))
        assert batch is not None
        return batch

    async def get(self, shown: JsonObject) -> Any:
        """Return the object as it is now."""
        return await self.batches.get(CALLER, str(shown["id"]), base_url=BASE_URL)

    async def page(self, **wanted: Any) -> tuple[list[str], bool]:
        """Return the ids of a page, and whether there is more in its direction."""
        values: dict[str, Any] = {"after_id": None, "before_id": None, "limit": 2} | wanted
        page: Any = await self.batches.page(CALLER, base_url=BASE_URL, **values)
        ids = [entry["id"] for entry in page["data"]]
        assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
        return ids, page["has_more"]

    async def results(self, shown: JsonObject) -> list[Any]:
        """Return the results."""
        lines = await self.batches.results(CALLER, str(shown["id"]))
        return [json.loads(text) for text in b"".join([it async for it in lines]).splitlines()]

    async def cancel(self, shown: JsonObject) -> Any:
        """Begin to cancel."""
        return await self.batches.cancel(CALLER, str(shown["id"]), base_url=BASE_URL)


@pytest.fixture
def desk(store: Store, clock: ManualClock, new_id: CountingIds) -> Desk:
    """A desk over an empty store."""
    return Desk(store, clock, new_id)


def left(folder: Path) -> list[Path]:
    """Return the blobs that are left."""
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


async def test_a_batch_is_kept_with_its_requests_in_a_hidden_file(desk: Desk) -> None:
    shown = await desk.make(version="2026-10-21")
    batch = await desk.kept(shown)
    assert (batch.api, batch.endpoint) == (BatchApi.MESSAGE_BATCHES, "/v1/messages")
    assert (batch.total_count, batch.completion_window) == (3, "24h")
    assert version_of(batch) == "2026-10-21"
    file = await desk.store.files.get(CALLER.project_id, batch.input_file_id)
    assert file is not None and (file.purpose, file.is_hidden) == (MESSAGE_BATCH, True)
    assert shown["request_counts"]["processing"] == 3 and desk.changes == 1


@pytest.mark.parametrize(
    ("metadata", "header", "window"),
    [
        (None, None, "24h"),
        (None, "standard", "standard"),
        ({"completion_window": "standard"}, "24h", "standard"),
        ({}, None, "24h"),
    ],
)
async def test_the_window_is_the_one_that_is_named_most_explicitly(
    desk: Desk, metadata: JsonObject | None, header: str | None, window: str
) -> None:
    body: JsonObject = {"requests": REQUESTS, "metadata": metadata}
    batch = await desk.kept(await desk.make(body, header_window=header))
    assert batch.completion_window == window


@pytest.mark.parametrize(
    ("body", "header", "raised", "message"),
    [
        ({}, None, InvalidParameter, "requests: Field required"),
        ({"requests": None}, None, InvalidParameter, "requests: Input should be a valid list"),
        ({"requests": []}, None, InvalidParameter, "requests: List should have at least 1 item"),
        ({"requests": REQUESTS, "x": 1}, None, InvalidParameter, "x: Extra inputs"),
        (
            {"requests": REQUESTS, "metadata": {"a": "b"}},
            None,
            InvalidParameter,
            "metadata.a: Extra inputs",
        ),
        ({"requests": REQUESTS}, "asap", WindowNotOffered, "'asap' is not offered"),
    ],
)
async def test_a_wrong_body_makes_nothing(
    desk: Desk,
    tmp_path: Path,
    body: JsonObject,
    header: str | None,
    raised: type[Exception],
    message: str,
) -> None:
    with pytest.raises(raised, match=message):
        await desk.make(body, header_window=header)
    assert left(tmp_path) == [] and desk.changes == 0
    assert await desk.page() == ([], False)


async def test_lists_are_newest_first_and_go_both_ways(desk: Desk) -> None:
    ids = [str((await desk.make())["id"]) for _ in range(5)][::-1]
    assert await desk.page() == (ids[:2], True)
    assert await desk.page(after_id=ids[1]) == (ids[2:4], True)
    assert await desk.page(after_id=ids[3]) == (ids[4:], False)
    assert await desk.page(before_id=ids[4]) == (ids[2:4], True)
    assert await desk.page(before_id=ids[2]) == (ids[:2], False)
    assert await desk.page(before_id=ids[0]) == ([], False)


async def test_a_list_goes_on_behind_a_batch_that_was_deleted(desk: Desk) -> None:
    ids = [str((await desk.make())["id"]) for _ in range(3)][::-1]
    await desk.cancel({"id": ids[0]})
    await desk.store.batches.end_cancelled(ids[0])
    await desk.batches.delete(CALLER, ids[0])
    assert await desk.page(after_id=ids[0]) == (ids[1:], False)


async def test_a_list_goes_on_from_no_other_thing_and_not_both_ways_at_once(desk: Desk) -> None:
    with pytest.raises(InvalidParameter, match="'batch_1' is no Message Batch"):
        await desk.page(after_id="batch_1")
    with pytest.raises(InvalidParameter, match="exclude each other"):
        await desk.page(after_id="msgbatch_1", before_id="msgbatch_2")


async def test_other_projects_see_nothing_of_a_batch(desk: Desk) -> None:
    batch_id = str((await desk.make())["id"])
    foreign = Caller(project_id=OTHER_PROJECT, key_id="key_2")
    for call in (
        desk.batches.get(foreign, batch_id, base_url=BASE_URL),
        desk.batches.cancel(foreign, batch_id, base_url=BASE_URL),
        desk.batches.delete(foreign, batch_id),
        desk.batches.results(foreign, batch_id),
    ):
        with pytest.raises(NotFound, match=f"Message Batch {batch_id} not found"):
            await call


async def test_a_batch_can_be_cancelled_again_until_it_has_ended(desk: Desk) -> None:
    made = await desk.make()
    first = await desk.cancel(made)
    assert first["processing_status"] == "canceling" and first["cancel_initiated_at"] is not None
    assert await desk.cancel(made) == first
    assert desk.changes == 2
    await desk.store.batches.end_cancelled(str(made["id"]))
    with pytest.raises(RequestRejected, match="has ended"):
        await desk.cancel(made)


async def test_requests_of_a_batch_that_is_cancelled_before_it_is_begun_are_all_canceled(
    desk: Desk,
) -> None:
    made = await desk.make()
    await desk.cancel(made)
    await desk.store.batches.end_cancelled(str(made["id"]))
    ended = await desk.get(made)
    assert (ended["processing_status"], ended["request_counts"]["canceled"]) == ("ended", 3)
    assert ended["results_url"] == f"{BASE_URL}/v1/messages/batches/{made['id']}/results"
    assert await desk.results(made) == [
        {"custom_id": request["custom_id"], "result": {"type": "canceled"}} for request in REQUESTS
    ]


@pytest.mark.parametrize(("code", "kind"), [("batch_expired", "expired"), ("boom", "errored")])
async def test_requests_of_a_batch_that_could_not_be_begun_have_results(
    desk: Desk, code: str, kind: str
) -> None:
    made = await desk.make()
    await desk.store.batches.fail(str(made["id"]), errors=json.dumps({"data": [{"code": code}]}))
    assert (await desk.get(made))["request_counts"][kind] == 3
    assert [line["result"]["type"] for line in await desk.results(made)] == [kind] * 3


async def test_results_are_there_once_the_batch_has_ended_and_until_it_is_archived(
    desk: Desk, clock: ManualClock
) -> None:
    made = await desk.make()
    with pytest.raises(NotFound, match="has no available results"):
        await desk.results(made)
    await desk.cancel(made)
    await desk.store.batches.end_cancelled(str(made["id"]))
    clock.move(29 * 86_400 - 1)
    assert len(await desk.results(made)) == 3
    clock.move(1)
    with pytest.raises(NotFound, match="has no available results"):
        await desk.results(made)
    archived = await desk.get(made)
    assert archived["archived_at"] is not None and archived["results_url"] is None


async def test_only_a_batch_that_has_ended_can_be_deleted(desk: Desk) -> None:
    made = await desk.make()
    with pytest.raises(RequestRejected, match="In progress batches cannot be deleted"):
        await desk.batches.delete(CALLER, str(made["id"]))
    await desk.cancel(made)
    await desk.store.batches.end_cancelled(str(made["id"]))
    gone = await desk.batches.delete(CALLER, str(made["id"]))
    assert gone == {"id": made["id"], "type": "message_batch_deleted"}
    with pytest.raises(NotFound):
        await desk.get(made)
    assert await desk.page() == ([], False)
