"""The door: which window a call gets, and what is refused."""

from __future__ import annotations

import pytest

from forebay.core.clock import after
from forebay.core.errors import (
    InvalidParameter,
    PromptRejected,
    UnknownModel,
    UnsupportedParameter,
    WindowNotOffered,
)
from forebay.core.lanes import Lane
from forebay.core.models import ToolCalling
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Accepted
from tests.fakes import START
from tests.lanes.house import CALLER, House

IMAGE_URL = "data:image/png;base64,AAAA"
CHAT_IMAGE = {"type": "image_url", "image_url": {"url": IMAGE_URL}}
RESPONSES_IMAGE = {"type": "input_image", "image_url": IMAGE_URL}
TOOL = {"type": "function", "name": "look", "parameters": {}}


def admit(house: House, *, header: str | None = None, **others: object) -> Accepted:
    body: JsonObject = {"model": "tiny", "input": "hi"}
    return house.admission.admit(DialectName.RESPONSES, body | others, CALLER, header_window=header)


def test_a_call_that_names_nothing_runs_at_once(house: House) -> None:
    accepted = admit(house)
    assert (accepted.lane, accepted.window.name) == (Lane.REALTIME, "asap")
    assert accepted.deadline_at == after(START, 30)


def test_a_background_call_that_names_nothing_is_standard(house: House) -> None:
    accepted = admit(house, background=True)
    assert (accepted.lane, accepted.window.name) == (Lane.BACKGROUND, "standard")


def test_a_background_call_is_at_once_where_nothing_else_is_offered(house: House) -> None:
    house.serve("quick", windows=DEFAULT_WINDOWS[:1])
    assert admit(house, model="quick", background=True).window.name == "asap"


@pytest.mark.parametrize(
    ("metadata", "header", "tier", "window"),
    [
        ("standard", "asap", "priority", "standard"),
        ("asap", "standard", "flex", "asap"),
        (None, "standard", "priority", "standard"),
        (None, "asap", "flex", "asap"),
        (None, None, "flex", "standard"),
        (None, None, "priority", "asap"),
        (None, None, "fast", "asap"),
        (None, None, "auto", "asap"),
        (None, None, "default", "asap"),
    ],
)
def test_metadata_goes_before_header_and_header_before_tier(
    house: House, metadata: str | None, header: str | None, tier: str, window: str
) -> None:
    named = {} if metadata is None else {"completion_window": metadata}
    accepted = admit(house, header=header, metadata=named, service_tier=tier)
    assert accepted.window.name == window


@pytest.mark.parametrize(
    ("values", "header", "param"),
    [
        ({"metadata": {"completion_window": "24h"}}, None, "metadata.completion_window"),
        ({"metadata": {"completion_window": "soon"}}, "asap", "metadata.completion_window"),
        ({}, "24h", "X-Completion-Window"),
    ],
)
def test_a_named_window_that_is_not_offered_never_falls_back(
    house: House, values: JsonObject, header: str | None, param: str
) -> None:
    with pytest.raises(WindowNotOffered, match="'asap', 'standard'") as refused:
        admit(house, header=header, **values)
    assert refused.value.param == param


def test_a_window_that_the_model_does_not_offer_is_refused(house: House) -> None:
    house.serve("quick", windows=DEFAULT_WINDOWS[:1])
    with pytest.raises(WindowNotOffered, match="Offered: 'asap'"):
        admit(house, model="quick", header="standard")


def test_an_unknown_tier_is_refused(house: House) -> None:
    with pytest.raises(InvalidParameter) as refused:
        admit(house, service_tier="gold")
    assert refused.value.param == "service_tier"


def test_an_unknown_model_is_refused(house: House) -> None:
    with pytest.raises(UnknownModel, match="'huge'"):
        admit(house, model="huge")


def test_an_alias_is_accepted_as_its_model(house: House) -> None:
    assert admit(house, model="tiny-alias").call.model == "tiny"


@pytest.mark.parametrize("key", ["review", "on_late"])
def test_a_reserved_key_that_is_not_honoured_is_refused(house: House, key: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        admit(house, background=True, metadata={key: "x"})
    assert refused.value.param == f"metadata.{key}"


def test_only_background_calls_have_a_webhook(house: House) -> None:
    hook = {"completion_webhook": "https://example.com/"}
    with pytest.raises(UnsupportedParameter):
        admit(house, metadata=hook)
    assert admit(house, background=True, metadata=hook).lane is Lane.BACKGROUND


def test_only_background_calls_have_a_webhook_token(house: House) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        admit(house, metadata={"webhook_token": "t"})
    assert refused.value.param == "metadata.webhook_token"


@pytest.mark.parametrize("token", ["", "ключ", "a\nb", "a\x7fb", "é"])
def test_a_webhook_token_that_no_header_can_carry_is_refused(house: House, token: str) -> None:
    metadata = {"completion_webhook": "https://example.com/", "webhook_token": token}
    with pytest.raises(InvalidParameter) as refused:
        admit(house, background=True, metadata=metadata)
    assert refused.value.param == "metadata.webhook_token"
    assert not token or token not in str(refused.value)


def test_a_webhook_token_without_a_webhook_is_refused(house: House) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        admit(house, background=True, metadata={"webhook_token": "t"})
    assert refused.value.param == "metadata.webhook_token"


def test_tools_are_refused_by_a_model_that_takes_none(house: House) -> None:
    house.serve("plain", tool_calling=ToolCalling.NONE)
    with pytest.raises(UnsupportedParameter) as refused:
        admit(house, model="plain", tools=[TOOL])
    assert refused.value.param == "tools"


def test_a_batch_line_has_its_batchs_window(house: House) -> None:
    body: JsonObject = {"model": "tiny", "input": "hi", "service_tier": "priority"}
    accepted = house.admission.admit_line(DialectName.RESPONSES, body, CALLER, window_name="1h")
    assert (accepted.lane, accepted.window.name) == (Lane.BATCH, "1h")


def test_a_batch_line_is_no_background_call(house: House) -> None:
    body: JsonObject = {"model": "tiny", "input": "hi", "background": True}
    with pytest.raises(UnsupportedParameter) as refused:
        house.admission.admit_line(DialectName.RESPONSES, body, CALLER, window_name="24h")
    assert refused.value.param == "background"


def test_the_answer_of_a_batch_line_is_not_streamed(house: House) -> None:
    body: JsonObject = {"model": "tiny", "input": "hi", "stream": True}
    with pytest.raises(UnsupportedParameter) as refused:
        house.admission.admit_line(DialectName.RESPONSES, body, CALLER, window_name="24h")
    assert refused.value.param == "stream"


def test_a_batch_line_is_held_to_the_version_of_the_api_that_its_batch_was_made_by(
    house: House,
) -> None:
    text = {"type": "text", "text": "hi", "citations": [{}]}
    messages = [{"role": "user", "content": [text]}]
    body: JsonObject = {"model": "tiny", "max_tokens": 5, "messages": messages}

    def admitted(version: str | None) -> Accepted:
        return house.admission.admit_line(
            DialectName.MESSAGES, body, CALLER, window_name="24h", version=version
        )

    assert admitted("2023-06-01").window.name == "24h"
    with pytest.raises(InvalidParameter, match="citations"):
        admitted("2026-10-21")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("completion_webhook", "https://example.com/"),
        ("webhook_token", "t"),
        ("review", "required"),
        ("on_late", "refuse"),
        ("completion_window", "asap"),
    ],
)
def test_a_reserved_key_without_effect_on_a_batch_line_is_refused(
    house: House, key: str, value: str
) -> None:
    body: JsonObject = {"model": "tiny", "input": "hi", "metadata": {key: value}}
    with pytest.raises(UnsupportedParameter) as refused:
        house.admission.admit_line(DialectName.RESPONSES, body, CALLER, window_name="24h")
    assert refused.value.param == f"metadata.{key}"


def test_a_batch_line_may_name_its_batchs_window_again(house: House) -> None:
    body: JsonObject = {"model": "tiny", "input": "hi", "metadata": {"completion_window": "24h"}}
    accepted = house.admission.admit_line(DialectName.RESPONSES, body, CALLER, window_name="24h")
    assert accepted.window.name == "24h"


def test_a_suffix_is_refused_unless_the_models_engine_heeds_it(house: House) -> None:
    body: JsonObject = {"prompt": "Once", "suffix": " after."}
    with pytest.raises(UnsupportedParameter) as refused:
        house.admission.admit(DialectName.COMPLETIONS, body | {"model": "tiny"}, CALLER)
    assert refused.value.param == "suffix"
    house.serve("filling", takes_suffix=True)
    house.admission.admit(DialectName.COMPLETIONS, body | {"model": "filling"}, CALLER)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (DialectName.CHAT, {"messages": [{"role": "user", "content": [CHAT_IMAGE]}]}),
        (DialectName.RESPONSES, {"input": [{"role": "user", "content": [RESPONSES_IMAGE]}]}),
    ],
)
def test_an_image_for_a_model_that_sees_none_is_refused(
    house: House, name: DialectName, body: JsonObject
) -> None:
    house.serve("blind", takes_images=False)
    with pytest.raises(PromptRejected, match="images"):
        house.admission.admit(name, body | {"model": "blind"}, CALLER)
    house.admission.admit(name, body | {"model": "tiny"}, CALLER)
