"""Models in the shape of whichever vendor's client asks."""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests.api.conftest import MODEL, Front


async def test_openais_client_lists_models_with_their_prices(front: Front) -> None:
    (model,) = [model async for model in front.openai.models.list()]
    assert (model.id, model.owned_by) == (MODEL, "forebay")
    extension = model.model_dump()["forebay"]
    assert extension["aliases"] == ["small"]
    assert extension["prices_per_million_tokens"]["standard"] == {
        "input": "0.5",
        "cached": "0.25",
        "output": "1",
    }


async def test_anthropics_client_lists_models(front: Front) -> None:
    (model,) = [model async for model in front.anthropic.models.list()]
    assert (model.id, model.type) == (MODEL, "model")


@pytest.mark.parametrize("name", [MODEL, "small"])
async def test_a_model_is_found_by_a_name_with_a_slash_and_by_alias(
    front: Front, name: str
) -> None:
    assert (await front.openai.models.retrieve(name)).id == MODEL
    assert (await front.anthropic.models.retrieve(name)).id == MODEL


async def test_a_slash_in_a_name_need_not_be_escaped(front: Front) -> None:
    answer = await front.http.get(f"/v1/models/{MODEL}")
    assert answer.json()["id"] == MODEL


async def test_an_unknown_model_is_not_found_in_either_dialect(front: Front) -> None:
    with pytest.raises(openai.NotFoundError) as openais:
        await front.openai.models.retrieve("acme/huge")
    assert openais.value.code == "model_not_found"
    with pytest.raises(anthropic.NotFoundError) as anthropics:
        await front.anthropic.models.retrieve("acme/huge")
    assert anthropics.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
