"""Messages: what each version of the API, which a header names, has no more."""

from __future__ import annotations

import pytest

from forebay.core.errors import InvalidParameter, RequestRejected, UnsupportedParameter
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.turn import JsonObject
from tests.dialects.messages_calls import DIALECT, assistant, body, user

OLD, NEW = "2023-06-01", "2026-10-21"
STRICT = MessagesDialect(is_sampling_refused=True)

DOCUMENT: JsonObject = {"type": "document", "source": {"type": "text", "data": "a"}}
CITED: JsonObject = {"type": "text", "text": "a", "citations": [{"type": "char_location"}]}
IN_ASSISTANT = body(messages=[{"role": "user", "content": "hi"}, assistant(DOCUMENT)])
CITED_BY_USER = body(messages=[user({"type": "text", "text": "b"}, CITED)])


@pytest.mark.parametrize("version", [None, OLD, NEW])
def test_every_version_takes_sampling_parameters_unless_the_operator_is_strict(
    version: str | None,
) -> None:
    DIALECT.check_version(body(temperature=0.5, top_p=0.5, top_k=5), version)


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_a_strict_operator_has_the_new_version_refuse_each_of_them(name: str) -> None:
    given = body(**{name: 0})
    with pytest.raises(UnsupportedParameter) as caught:
        STRICT.check_version(given, NEW)
    assert caught.value.param == name
    STRICT.check_version(given, OLD)
    STRICT.check_version(given, None)
    STRICT.check_version(body(**{name: None}), NEW)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (IN_ASSISTANT, "messages[1].content[0].type"),
        (CITED_BY_USER, "messages[0].content[1].citations"),
    ],
)
def test_the_new_version_refuses_blocks_where_they_have_no_place(
    given: JsonObject, param: str
) -> None:
    for version in (NEW, "2027-01-01"):
        with pytest.raises(InvalidParameter) as caught:
            DIALECT.check_version(given, version)
        assert caught.value.param == param


@pytest.mark.parametrize("given", [IN_ASSISTANT, CITED_BY_USER])
@pytest.mark.parametrize("version", [None, OLD])
def test_the_old_version_takes_them(given: JsonObject, version: str | None) -> None:
    DIALECT.check_version(given, version)
    DIALECT.parse(given)


@pytest.mark.parametrize(
    "given",
    [
        body(messages=[user(DOCUMENT)]),
        body(messages=[user({"type": "text", "text": "a", "citations": None})]),
        body(messages=[user({"type": "text", "text": "a", "citations": []})]),
        body(messages=[assistant(CITED)]),
    ],
)
def test_the_new_version_takes_them_in_their_place(given: JsonObject) -> None:
    DIALECT.check_version(given, NEW)


@pytest.mark.parametrize(
    "messages", [None, "hi", [None], [{}], [{"role": "user"}], [{"role": "user", "content": [1]}]]
)
def test_a_body_of_the_wrong_shape_is_left_to_the_parser(messages: object) -> None:
    given = body(messages=messages)
    DIALECT.check_version(given, NEW)
    with pytest.raises(RequestRejected):
        DIALECT.parse(given)
