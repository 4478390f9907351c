"""The pages of Anthropic's list of models."""

from __future__ import annotations

import anthropic
import msgspec
import pytest

from forebay.settings import ModelSettings, Settings
from tests.api.conftest import Front
from tests.api.errors import Api, said

HEADERS = {"anthropic-version": "2026-10-21"}
MODELS = Api("/v1/models", {}, is_anthropic=True)
NAMES = [f"acme/m{number:02}" for number in range(25)]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with more models than a page has."""
    model = ModelSettings(engines=["http://engine/v1"])
    return msgspec.structs.replace(settings, models=dict.fromkeys(NAMES, model))


async def test_a_page_has_twenty_models_unless_more_are_asked_for(front: Front) -> None:
    page = await front.anthropic.models.list()
    assert [model.id for model in page.data] == NAMES[:20]
    assert (page.first_id, page.last_id, page.has_more) == (NAMES[0], NAMES[19], True)
    whole = await front.anthropic.models.list(limit=1_000)
    assert ([model.id for model in whole.data], whole.has_more) == (NAMES, False)


async def test_the_client_walks_through_all_pages(front: Front) -> None:
    assert [model.id async for model in front.anthropic.models.list(limit=7)] == NAMES


async def test_the_client_walks_backwards_through_all_pages(front: Front) -> None:
    page = await front.anthropic.models.list(limit=10, before_id=NAMES[24])
    assert ([model.id for model in page.data], page.has_more) == (NAMES[14:24], True)
    page = await page.get_next_page()
    assert [model.id for model in page.data] == NAMES[4:14]
    page = await page.get_next_page()
    assert ([model.id for model in page.data], page.has_more) == (NAMES[:4], False)


async def test_a_page_behind_the_last_model_is_empty(front: Front) -> None:
    page = await front.anthropic.models.list(after_id=NAMES[24])
    assert (page.data, page.first_id, page.has_more) == ([], None, False)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=many",
        "after_id=acme/huge",
        "before_id=acme/huge",
        f"after_id={NAMES[1]}&before_id={NAMES[9]}",
    ],
)
async def test_a_page_that_cannot_be_is_refused(front: Front, query: str) -> None:
    answer = await front.http.get(f"{MODELS.path}?{query}", headers=HEADERS)
    said(MODELS, answer, 400, "invalid_request_error", None)


async def test_the_client_raises_what_is_refused(front: Front) -> None:
    with pytest.raises(anthropic.BadRequestError, match="acme/huge"):
        await front.anthropic.models.list(after_id="acme/huge")


async def test_openais_list_has_no_pages(front: Front) -> None:
    assert [model.id async for model in front.openai.models.list()] == NAMES
