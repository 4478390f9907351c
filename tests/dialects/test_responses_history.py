"""What a response continues, as items: with ids that tell the response, before the new input."""

from __future__ import annotations

import pytest

from forebay.core.errors import InvalidParameter
from forebay.dialects.responses_history import (
    continued,
    given_items,
    input_items,
    references,
    refuse_repeated,
    resolved,
    response_of,
)
from forebay.dialects.turn import JsonObject

MESSAGE: JsonObject = {"type": "message", "role": "user", "content": "hi"}
REFERENCE: JsonObject = {"type": "item_reference", "id": "msg_abc_0"}


def test_text_is_a_message_of_the_user() -> None:
    assert given_items({"input": "hi"}) == [MESSAGE]
    assert given_items({}) == []


def test_shown_items_have_ids_from_the_response_and_their_place() -> None:
    items = input_items("resp_abc", {"input": [MESSAGE, {**MESSAGE, "id": "msg_mine"}]})
    assert [item["id"] for item in items] == ["msg_abc_i0", "msg_mine"]
    assert items[0]["content"] == [{"type": "input_text", "text": "hi"}]


def test_what_the_vendors_own_tools_left_is_shown_as_it_is() -> None:
    record: JsonObject = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert input_items("resp_abc", {"input": [record]}) == [record]


def test_the_items_before_stand_before_the_own_ones() -> None:
    before: list[JsonObject] = [{"type": "message", "role": "assistant", "content": "yes?"}]
    assert continued({"model": "m", "input": "hi"}, before) == {
        "model": "m",
        "input": [*before, MESSAGE],
    }


def test_a_body_that_continues_nothing_is_left_alone() -> None:
    body: JsonObject = {"input": "hi"}
    assert continued(body, []) is body


def test_references_give_way_to_what_was_found() -> None:
    body: JsonObject = {"input": [REFERENCE, MESSAGE]}
    assert references(body) == ["msg_abc_0"]
    assert resolved(body, {"msg_abc_0": {"type": "message"}}) == {
        "input": [{"type": "message"}, MESSAGE]
    }


def test_references_are_not_shown() -> None:
    assert input_items("resp_abc", {"input": [REFERENCE]}) == []


def test_an_items_id_tells_its_response() -> None:
    assert response_of("msg_abc_0") == "resp_abc"
    assert response_of("fc_abc_i12") == "resp_abc"
    for strange in ("msg_mine", "x", "", "msg__1", "msg_a_b", "msg_a_99999999"):
        assert response_of(strange) is None


@pytest.mark.parametrize(
    ("before", "own"),
    [
        ([], [{**MESSAGE, "id": "msg_1"}, {**MESSAGE, "id": "msg_1"}]),
        ([{**MESSAGE, "id": "msg_1"}], [{**MESSAGE, "id": "msg_1"}]),
    ],
)
def test_an_id_is_refused_where_another_item_has_it(
    before: list[JsonObject], own: list[JsonObject]
) -> None:
    with pytest.raises(InvalidParameter, match="Duplicate item found with id msg_1"):
        refuse_repeated({"input": own}, before)


def test_items_without_ids_may_be_alike() -> None:
    refuse_repeated({"input": [MESSAGE, MESSAGE, {**MESSAGE, "id": ""}]}, [MESSAGE])
    refuse_repeated({"input": "hi"}, [MESSAGE])
