"""Keys: made and revoked by an admin, in force at once."""

from __future__ import annotations

import openai
import pytest

from forebay.core.projects import DEFAULT_PROJECT
from tests.api.conftest import Front

KEYS = f"/v1/organization/projects/{DEFAULT_PROJECT}/api_keys"


async def test_a_new_key_is_shown_once_and_works_at_once(front: Front) -> None:
    made = (await front.http.post(KEYS, json={"name": "ci"})).json()
    assert await front.openai_as(made["value"]).models.list()
    shown = (await front.http.get(KEYS)).text
    assert made["id"] in shown
    assert made["value"] not in shown


async def test_a_revoked_key_lets_nobody_in(front: Front) -> None:
    made = (await front.http.post(KEYS, json={"name": "ci"})).json()
    revoked = await front.http.delete(f"{KEYS}/{made['id']}")
    assert revoked.json()["deleted"] is True
    with pytest.raises(openai.AuthenticationError):
        await front.openai_as(made["value"]).models.list()
    assert (await front.http.delete(f"{KEYS}/{made['id']}")).status_code == 404


async def test_an_ordinary_key_manages_no_keys(front: Front) -> None:
    made = (await front.http.post(KEYS, json={"name": "ci"})).json()
    answer = await front.http.get(KEYS, headers={"authorization": f"Bearer {made['value']}"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "permission_denied"


async def test_a_key_needs_a_project_that_exists(front: Front) -> None:
    answer = await front.http.post(
        "/v1/organization/projects/proj_unknown/api_keys", json={"name": "ci"}
    )
    assert answer.status_code == 404


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 3}])
async def test_a_key_needs_a_name(front: Front, body: dict[str, object]) -> None:
    answer = await front.http.post(KEYS, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "name"


async def test_a_key_is_not_made_under_an_idempotency_key(front: Front) -> None:
    answer = await front.http.post(KEYS, json={"name": "ci"}, headers={"Idempotency-Key": "once"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "Idempotency-Key")
    assert '"ci"' not in (await front.http.get(KEYS)).text
