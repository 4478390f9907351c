"""What is said to engines of plain completions, and the reading of their streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import PromptRejected, UnsupportedParameter
from forebay.core.money import Usage
from forebay.dialects.turn import Delta, JsonObject, TextTurn
from forebay.dialects.upstream_events import MAX_TOKENS
from forebay.dialects.upstream_text import TextChunkReader, encode_text_turn

DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n'


def chunk(text: str | None, **others: object) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": None, **others}
    return b"data: " + json.dumps({"choices": [choice], "usage": None}).encode() + b"\n\n"


def legacy(*tokens: str, first: float | None = -0.5) -> JsonObject:
    """Return logprobs in the API's own shape, their offsets as wrong as SGLang's."""
    return {
        "tokens": list(tokens),
        "token_logprobs": [first, *[-0.5] * (len(tokens) - 1)],
        "top_logprobs": [{token: -0.5, "other": -2.0} for token in tokens],
        "text_offset": [-1] * len(tokens),
    }


def of_chat(token: str, **likeliest: float) -> JsonObject:
    """Return logprobs as llama.cpp tells them."""
    top = [{"id": 1, "token": name, "logprob": logprob} for name, logprob in likeliest.items()]
    return {"content": [{"id": 2, "token": token, "logprob": -3.0, "top_logprobs": top}]}


STREAM = (
    b": hello\n\n"
    + chunk("Gr\u00fc", logprobs=legacy("Gr\u00fc"))
    + chunk("\u00dfe ", logprobs=legacy("\u00dfe", " "))
    + chunk("\u2600")
    + chunk("", finish_reason="stop", stop_reason="END")
    + USAGE
    + DONE
)


def read(*pieces: bytes, **options: bool) -> tuple[TextChunkReader, list[Delta]]:
    reader = TextChunkReader(**options)
    return reader, [delta for piece in pieces for delta in reader.feed(piece)]


def turn(**others: Any) -> TextTurn:
    return TextTurn(**({"model": "m", "prompts": ["Once"]} | others))


def told(given: TextTurn, **extra: object) -> JsonObject:
    body = json.loads(encode_text_turn(given, model="its-name", extra=extra))
    assert isinstance(body, dict)
    return body


def test_a_turn_is_asked_for_as_a_streamed_completion_of_its_one_prompt() -> None:
    body = told(
        turn(sampling={"temperature": 0.5}, max_output_tokens=3, extra={"min_p": 0.1}), cache="s"
    )
    assert body == {
        "model": "its-name",
        "prompt": "Once",
        "temperature": 0.5,
        "max_tokens": 3,
        "min_p": 0.1,
        "cache": "s",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_tokens_are_sent_as_one_list() -> None:
    assert told(turn(prompts=[[1, 2, 3]]))["prompt"] == [1, 2, 3]


def test_what_the_engine_may_know_does_not_replace_what_we_know() -> None:
    assert told(turn(extra={"prompt": "else", "stream": False}))["prompt"] == "Once"


@pytest.mark.parametrize(("wanted", "asked"), [(0, 1), (3, 3)])
def test_logprobs_are_asked_for_even_without_the_likeliest(wanted: int, asked: int) -> None:
    assert told(turn(sampling={"logprobs": wanted}))["logprobs"] == asked


@given(cuts=st.sets(st.integers(0, len(STREAM)), max_size=6), crlf=st.booleans())
def test_a_stream_reads_the_same_however_it_is_split(cuts: set[int], crlf: bool) -> None:
    stream = STREAM.replace(b"\n", b"\r\n") if crlf else STREAM
    ends = sorted(cuts | {len(stream)})
    pieces = [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    reader, deltas = read(*pieces)
    assert reader.is_done and reader.has_finished
    assert deltas == read(STREAM)[1]


def test_the_deltas_carry_what_the_chunks_said() -> None:
    deltas = read(STREAM)[1]
    assert "".join([delta.text for delta in deltas]) == "Gr\u00fc\u00dfe \u2600"
    assert deltas[2] == Delta(text="\u2600")
    assert deltas[3] == Delta(finish_reason="stop", stop_sequence="END")
    assert deltas[4] == Delta(usage=Usage(input_tokens=9, output_tokens=4))


def test_usage_may_come_with_the_last_choice() -> None:
    stream = (
        b'data: {"choices":[{"text":"","finish_reason":"length"}],'
        b'"usage":{"prompt_tokens":5,"completion_tokens":3,'
        b'"prompt_tokens_details":{"cached_tokens":4}}}\n\n'
    )
    usage = Usage(input_tokens=5, cached_tokens=4, output_tokens=3)
    assert read(stream)[1] == [Delta(finish_reason="length", usage=usage)]


def test_progress_and_empty_chunks_bring_no_delta() -> None:
    progress = b'data: {"choices":[{"text":"","index":0}],"prompt_progress":{"total":9}}\n\n'
    assert read(progress + chunk(None) + b'data: {"choices":null}\n\n')[1] == []


def test_a_stream_that_breaks_off_has_not_finished() -> None:
    reader, _ = read(chunk("a"))
    assert not (reader.has_finished or reader.is_done)


def test_an_empty_finish_reason_finishes_nothing() -> None:
    reader, deltas = read(chunk("a", finish_reason=""))
    assert not reader.has_finished
    assert deltas == [Delta(text="a")]


def test_a_choice_that_was_given_up_is_a_failure_of_the_engine() -> None:
    with pytest.raises(EngineFailed, match="gave its answer up"):
        read(chunk("a"), chunk("", finish_reason="abort"))


def test_offsets_are_counted_from_the_beginning_of_the_text() -> None:
    first, second = [delta.text_logprobs for delta in read(STREAM)[1][:2]]
    assert first is not None and second is not None
    assert first["text_offset"] == [0]
    assert second["text_offset"] == [3, 5]
    assert second["tokens"] == ["\u00dfe", " "]


def test_offsets_go_on_after_text_without_logprobs() -> None:
    stream = chunk("abc") + chunk("d", logprobs=legacy("d"))
    (logprobs,) = [delta.text_logprobs for delta in read(stream)[1] if delta.text_logprobs]
    assert logprobs["text_offset"] == [3]


def test_logprobs_in_the_shape_of_chats_are_turned_into_the_apis() -> None:
    (delta,) = read(chunk(" Paris", logprobs=of_chat(" Paris", the=-0.25, a=-1.5)))[1]
    assert delta.text_logprobs == {
        "tokens": [" Paris"],
        "token_logprobs": [-3.0],
        # The token that was drawn is always there.
        "top_logprobs": [{"the": -0.25, "a": -1.5, " Paris": -3.0}],
        "text_offset": [0],
    }


def test_logprobs_without_the_likeliest_have_nulls_for_them() -> None:
    bare = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": None}
    (delta,) = read(chunk("a", logprobs=bare))[1]
    assert delta.text_logprobs is not None
    assert delta.text_logprobs["top_logprobs"] == [None]


def test_an_echoed_prompt_is_known_by_its_first_token_which_has_no_logprob() -> None:
    echoed = chunk("Once upon", logprobs=legacy("Once", " upon", first=None))
    _, deltas = read(echoed + chunk(" a", logprobs=legacy(" a")), must_echo=True)
    assert [delta.text for delta in deltas] == ["Once upon", " a"]


@pytest.mark.parametrize(
    "answer",
    [
        chunk(" upon", logprobs=legacy(" upon")),
        chunk(" upon", logprobs=legacy(" upon", first=0.0)),
        chunk(" upon", logprobs=of_chat(" upon")),
        chunk(" upon"),
        chunk("", finish_reason="length"),
    ],
    ids=["own shape", "certain", "as chats", "no logprobs", "nothing"],
)
def test_an_engine_that_ignores_echo_is_not_believed(answer: bytes) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        read(chunk("") + answer, must_echo=True)
    assert caught.value.param == "echo"


@pytest.mark.parametrize(("told", "charged"), [(-1, 0), (2**63, MAX_TOKENS)])
def test_a_usage_that_cannot_be_is_brought_within_bounds(told: int, charged: int) -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":%d}}\n\n' % told
    assert read(usage)[1] == [Delta(usage=Usage(input_tokens=charged))]


def test_an_error_inside_a_stream_is_raised() -> None:
    with pytest.raises(PromptRejected, match="too odd"):
        read(b'data: {"error":{"code":400,"message":"too odd"}}\n\n')


@pytest.mark.parametrize("event", [b"data: {\n\n", b'data: {"choices":[{"text":3}]}\n\n'])
def test_an_unreadable_event_is_the_engines_failure(event: bytes) -> None:
    with pytest.raises(EngineFailed, match="unreadable event"):
        read(event)
