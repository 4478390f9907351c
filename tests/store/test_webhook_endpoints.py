"""Webhook endpoints: kept, changed, rotated, disabled, deleted, and behind a wall."""

from __future__ import annotations

from forebay.core.clock import after
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.webhooks import EventType
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.webhooks import (
    attempt,
    claim_all,
    ended,
    endpoint,
    logged,
    one_claimed,
    rotated,
)

TYPES = (EventType.RESPONSE_COMPLETED, EventType.BATCH_FAILED)
NOTHING_NEW = {"name": None, "url": None, "event_types": None}


async def test_an_endpoint_is_found_again_as_it_was_kept(store: Store) -> None:
    made = await endpoint(store, event_types=TYPES[::-1])
    assert await store.webhook_endpoints.get(DEFAULT_PROJECT, "we_1") == made
    assert (made.name, made.event_types, made.secret) == ("hooks", TYPES, b"sealed")
    assert (made.created_at, made.updated_at, made.disabled_at) == (START, START, None)


async def test_another_project_sees_changes_and_deletes_nothing(store: Store) -> None:
    made = await endpoint(store)
    endpoints = store.webhook_endpoints
    assert await endpoints.get(OTHER_PROJECT, "we_1") is None
    assert await endpoints.page(OTHER_PROJECT, after=None, limit=9) == []
    changed = {"name": "mine", "url": None, "event_types": None}
    assert await endpoints.update(OTHER_PROJECT, "we_1", **changed) is None  # type: ignore[arg-type]
    rotation = {"secret": b"x", "secret_hint": "x", "keep_until": None}
    assert await endpoints.rotate(OTHER_PROJECT, "we_1", **rotation) is None  # type: ignore[arg-type]
    assert not await endpoints.delete(OTHER_PROJECT, "we_1")
    assert await endpoints.get(DEFAULT_PROJECT, "we_1") == made


async def test_pages_go_from_new_to_old(store: Store) -> None:
    for number in range(3):
        await endpoint(store, f"we_{number}")
    first = await store.webhook_endpoints.page(DEFAULT_PROJECT, after=None, limit=2)
    rest = await store.webhook_endpoints.page(DEFAULT_PROJECT, after="we_1", limit=2)
    assert [made.id for made in [*first, *rest]] == ["we_2", "we_1", "we_0"]


async def test_a_project_has_so_many_endpoints_and_no_more(store: Store) -> None:
    await endpoint(store, "we_other", project_id=OTHER_PROJECT)
    await endpoint(store, "we_1", most=1)
    refused = await store.webhook_endpoints.add(
        "we_2",
        DEFAULT_PROJECT,
        name="one too many",
        url="https://example.com/",
        event_types=TYPES,
        secret=b"s",
        secret_hint="s",
        most=1,
    )
    assert refused is None


async def test_a_change_is_dated_and_leaves_the_rest(store: Store, clock: ManualClock) -> None:
    made = await endpoint(store)
    clock.move(5)
    changed = await store.webhook_endpoints.update(
        DEFAULT_PROJECT, "we_1", name="renamed", url=None, event_types=None
    )
    assert changed is not None
    assert (changed.name, changed.url, changed.event_types) == (
        "renamed",
        made.url,
        made.event_types,
    )
    assert changed.updated_at == after(START, 5)


async def test_a_change_to_what_is_there_already_is_not_dated(
    store: Store, clock: ManualClock
) -> None:
    made = await endpoint(store, event_types=TYPES)
    clock.move(5)
    changed = await store.webhook_endpoints.update(
        DEFAULT_PROJECT, "we_1", name=made.name, url=made.url, event_types=TYPES[::-1]
    )
    assert changed == made


async def test_what_is_owed_follows_an_endpoint_that_moves(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store)
    await store.webhook_endpoints.update(
        DEFAULT_PROJECT, "we_1", name=None, url="http://new.example.com:81/x", event_types=None
    )
    clock.move(10)
    assert await store.deliveries.due_receivers(limit=9) == ["new.example.com:81"]
    assert (await one_claimed(store)).url == "http://new.example.com:81/x"


async def test_an_old_secret_is_kept_on_request_only(store: Store) -> None:
    await endpoint(store)
    kept = await rotated(store, b"new", keep_until=after(START, 9))
    assert (kept.secret, kept.rotated_at) == (b"new", START)
    assert await store.webhook_endpoints.old_secrets("we_1") == (b"sealed",)
    assert (await rotated(store, b"newer", keep_until=None)).secret == b"newer"
    assert await store.webhook_endpoints.old_secrets("we_1") == ()


async def test_each_old_secret_is_kept_until_its_own_time_is_over(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store)
    for number in (1, 2):
        await rotated(store, b"new %d" % number, keep_until=after(START, 10 * number))
    clock.move(9.999)
    delivery = await one_claimed(store)
    assert (delivery.secret, delivery.old_secrets) == (b"new 2", (b"new 1", b"sealed"))
    clock.move(0.001)
    assert await store.webhook_endpoints.old_secrets("we_1") == (b"new 1",)
    clock.move(10)
    assert await store.webhook_endpoints.old_secrets("we_1") == ()


async def test_a_deleted_endpoint_is_owed_nothing(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    assert await store.webhook_endpoints.delete(DEFAULT_PROJECT, "we_1")
    clock.move(10)
    assert await store.deliveries.first_at() is None
    assert await logged(store) == []


async def test_an_endpoint_that_is_gone_is_disabled_and_owed_nothing(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    for number in range(3):
        await ended(store, f"resp_{number}")
    clock.move(10)
    (claim,) = await claim_all(store, room=1)
    delivery = await store.deliveries.load(claim)
    assert delivery is not None
    gone = attempt(status_code=410)
    await store.deliveries.record(delivery, gone, next_at=after(START, 99), is_gone=True)
    made = await store.webhook_endpoints.get(DEFAULT_PROJECT, "we_1")
    assert made is not None and made.disabled_at == clock.now()
    assert await store.deliveries.first_at() is None
    await ended(store, "resp_9")
    assert await store.deliveries.first_at() is None


async def test_an_endpoint_that_moved_meanwhile_is_not_disabled(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    delivery = await one_claimed(store)
    await store.webhook_endpoints.update(
        DEFAULT_PROJECT, "we_1", name=None, url="https://new.example.com/", event_types=None
    )
    gone = attempt(status_code=410)
    await store.deliveries.record(delivery, gone, next_at=after(START, 15), is_gone=True)
    made = await store.webhook_endpoints.get(DEFAULT_PROJECT, "we_1")
    assert made is not None and made.disabled_at is None
    assert await store.deliveries.first_at() == after(START, 15)


async def test_a_change_ends_a_disablement(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    gone = attempt(status_code=410)
    await store.deliveries.record(await one_claimed(store), gone, next_at=None, is_gone=True)
    changed = await store.webhook_endpoints.update(
        DEFAULT_PROJECT, "we_1", name="hooks", url=None, event_types=None
    )
    assert changed is not None
    assert (changed.disabled_at, changed.updated_at) == (None, clock.now())
    await ended(store, "resp_2")
    assert await store.deliveries.first_at() is not None
