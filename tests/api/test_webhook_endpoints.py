"""Webhook endpoints through OpenAI's client: made, listed, changed, deleted, refused by name."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from forebay.core.webhooks import EventType
from forebay.lanes.webhook_desk import MAX_OLD_SECRETS, OLD_SECRET_S
from tests.api.conftest import Front
from tests.api.described import description_of
from tests.api.webhook_calls import COMPLETED, PATH, registered
from tests.fakes import ManualClock


async def test_an_endpoint_is_shown_with_its_secret_once(front: Front) -> None:
    made = await registered(front, "https://hooks.example.com/x")
    assert made.signing_secret.startswith("whsec_")
    assert made.signing_secret_hint == f"whsec_...{made.signing_secret[-4:]}"
    assert made.created_at == made.updated_at
    found = await front.openai.webhooks.retrieve(made.id)
    assert found.model_dump() == made.model_dump(exclude={"signing_secret"})
    page = await front.openai.webhooks.list()
    assert [entry.id for entry in page.data] == [made.id]
    for path in (PATH, f"{PATH}/{made.id}", f"{PATH}/{made.id}/deliveries"):
        assert 'signing_secret"' not in (await front.http.get(path)).text


async def test_endpoints_are_paged_from_new_to_old(front: Front) -> None:
    made = [(await registered(front, f"https://h{n}.example.com/")).id for n in range(3)]
    first = await front.openai.webhooks.list(limit=2)
    assert first.has_more
    assert [endpoint.id async for endpoint in first] == made[::-1]


async def test_the_types_of_events_are_listed(front: Front) -> None:
    listed = await front.openai.webhooks.event_types.list()
    assert listed.data == [kind.value for kind in EventType]


async def test_a_change_leaves_what_it_does_not_name(front: Front, clock: ManualClock) -> None:
    made = await registered(front, "https://hooks.example.com/x")
    clock.move(5)
    changed = await front.openai.webhooks.update(made.id, name="renamed")
    assert (changed.name, changed.url, changed.event_types) == ("renamed", made.url, COMPLETED)
    assert changed.updated_at == made.created_at + 5


async def test_a_deleted_endpoint_is_not_found(front: Front) -> None:
    made = await registered(front, "https://hooks.example.com/x")
    deleted = await front.openai.webhooks.delete(made.id)
    assert (deleted.id, deleted.deleted) == (made.id, True)
    with pytest.raises(openai.NotFoundError):
        await front.openai.webhooks.retrieve(made.id)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "http://2130706433/"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "https://user:pass@example.com/"}, "url"),
        ({"url": 1}, "url"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["response.completed", "eval.run.failed"]}, "event_types[1]"),
    ],
)
async def test_a_wrong_endpoint_is_refused_by_name(
    front: Front, body: dict[str, Any], param: str
) -> None:
    good = {"name": "n", "url": "https://example.com/", "event_types": COMPLETED}
    answer = await front.http.post(PATH, json=good | body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


@pytest.mark.parametrize("missing", ["name", "url", "event_types"])
async def test_what_an_endpoint_must_have_is_asked_for(front: Front, missing: str) -> None:
    body = {"name": "n", "url": "https://example.com/", "event_types": COMPLETED}
    del body[missing]
    answer = await front.http.post(PATH, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, missing)


async def test_an_idempotency_key_makes_one_endpoint(front: Front) -> None:
    body = {"name": "n", "url": "https://example.com/", "event_types": COMPLETED}
    headers = {"Idempotency-Key": "k"}
    first = await front.http.post(PATH, json=body, headers=headers)
    again = await front.http.post(PATH, json=body, headers=headers)
    assert first.status_code == 200
    assert again.json() == first.json()
    assert len((await front.http.get(PATH)).json()["data"]) == 1


@pytest.mark.parametrize("content", [b"", b"{}"])
async def test_a_rotation_needs_no_body(front: Front, content: bytes) -> None:
    made = await registered(front, "https://hooks.example.com/x")
    answer = await front.http.post(f"{PATH}/{made.id}/rotate_secret", content=content)
    assert answer.json()["signing_secret"] != made.signing_secret


async def test_a_repeated_create_shows_the_secret_that_it_made_and_no_later_one(
    front: Front,
) -> None:
    body = {"name": "n", "url": "https://example.com/", "event_types": COMPLETED}
    headers = {"Idempotency-Key": "k"}
    first = (await front.http.post(PATH, json=body, headers=headers)).json()
    await front.openai.webhooks.update(first["id"], name="renamed")
    renamed = (await front.http.post(PATH, json=body, headers=headers)).json()
    assert renamed["signing_secret"] == first["signing_secret"]
    rotated = await front.openai.webhooks.rotate_secret(first["id"])
    again = (await front.http.post(PATH, json=body, headers=headers)).json()
    assert "signing_secret" not in again
    assert again["signing_secret_hint"] == rotated.signing_secret_hint
    description = await description_of(front)
    description.check(await front.http.post(PATH, json=body, headers=headers))


async def test_so_many_old_secrets_are_kept_and_no_more(front: Front, clock: ManualClock) -> None:
    made = await registered(front, "https://hooks.example.com/x")

    async def rotated(**body: bool) -> int:
        path = f"{PATH}/{made.id}/rotate_secret"
        return (await front.http.post(path, json=body)).status_code

    keeping = {"keep_old_secret_active_for_24_hours": True}
    statuses = [await rotated(**keeping) for _ in range(MAX_OLD_SECRETS + 1)]
    assert statuses == [200] * MAX_OLD_SECRETS + [409]
    clock.move(OLD_SECRET_S)
    assert await rotated(**keeping) == 200


@pytest.mark.parametrize("path", [PATH, f"{PATH}/ID/deliveries"])
@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("after=unknown", "after"),
        ("after=%00", "after"),
        ("limit=%D9%A3", "limit"),
        ("limit=2&limit=3", "limit"),
        ("order=asc", "order"),
    ],
)
async def test_what_a_list_cannot_do_is_refused_by_name(
    front: Front, path: str, query: str, param: str
) -> None:
    made = await registered(front, "https://hooks.example.com/x")
    answer = await front.http.get(f"{path.replace('ID', made.id)}?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


async def test_a_page_after_a_foreign_endpoint_is_as_after_one_that_never_was(
    front: Front,
) -> None:
    made = await registered(front, "https://hooks.example.com/x")
    bearer = {"authorization": f"Bearer {await front.key_of_another_project()}"}
    said = []
    for after in (made.id, "we_never"):
        answer = await front.http.get(PATH, params={"after": after}, headers=bearer)
        assert answer.status_code == 400
        said.append(answer.text.replace(after, "ID"))
    assert said[0] == said[1]
