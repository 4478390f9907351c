"""What is said to engines, and the reading of their streams in every accent."""

from __future__ import annotations

import json

import pytest

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import PromptRejected
from forebay.core.money import Usage
from forebay.dialects.turn import Delta, ToolCallPiece, Turn
from forebay.dialects.upstream import ChunkReader, encode_turn
from forebay.dialects.upstream_events import MAX_EVENT_BYTES
from tests.dialects.calls import answer_of


def chunk(delta: object, **others: object) -> bytes:
    choice = {"index": 0, "delta": delta, **others}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


USAGE_CHUNK = (
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,'
    b'"prompt_tokens_details":{"cached_tokens":3},'
    b'"completion_tokens_details":{"reasoning_tokens":1}}}\n\n'
)
DONE = b"data: [DONE]\n\n"

STREAM = (
    b": hello\n\n"
    + chunk({"role": "assistant", "content": ""})
    + chunk({"reasoning_content": "hm "})
    + chunk({"content": "Gr\u00fc\u00dfe"})
    + chunk({"content": ", \u4e16\u754c"})
    + chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f"}}]})
    + chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})
    + chunk({}, finish_reason="tool_calls")
    + USAGE_CHUNK
    + DONE
)


def read(*pieces: bytes) -> tuple[ChunkReader, list[Delta]]:
    reader = ChunkReader()
    return reader, [delta for piece in pieces for delta in reader.feed(piece)]


def turn(**others: object) -> Turn:
    return Turn(**({"model": "m", "messages": []} | others))  # type: ignore[arg-type]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_stream_reads_the_same_wherever_it_is_split(newline: bytes) -> None:
    stream = STREAM.replace(b"\n", newline)
    whole = answer_of(read(stream)[1])
    for at in range(len(stream) + 1):
        reader, deltas = read(stream[:at], stream[at:])
        assert reader.is_done and reader.has_finished
        assert answer_of(deltas) == whole


def test_a_stream_fed_byte_by_byte_reads_the_same() -> None:
    reader, deltas = read(*[bytes([byte]) for byte in STREAM])
    assert reader.is_done
    assert answer_of(deltas) == answer_of(read(STREAM)[1])


def test_the_deltas_carry_what_the_chunks_said() -> None:
    answer = answer_of(read(STREAM)[1])
    assert answer.reasoning == "hm "
    assert answer.text == "Gr\u00fc\u00dfe, \u4e16\u754c"
    assert [(call.id, call.name, call.arguments) for call in answer.tool_calls] == [
        ("c1", "f", "{}")
    ]
    assert answer.finish_reason == "tool_calls"
    assert answer.usage == Usage(
        input_tokens=9, cached_tokens=3, output_tokens=4, reasoning_tokens=1
    )


def test_comments_and_event_names_are_skipped() -> None:
    stream = b": ping\n\nevent: message\nid: 4\n" + chunk({"content": "a"}) + b": ping\n\n"
    assert read(stream)[1] == [Delta(text="a")]


def test_the_data_lines_of_one_event_belong_together() -> None:
    stream = b'data: {"choices":\ndata:[{"delta":{"content":"a"}}]}\n\n'
    assert read(stream)[1] == [Delta(text="a")]


def test_an_engine_that_leaves_out_done_has_still_finished() -> None:
    reader, _ = read(chunk({"content": "a"}) + chunk({}, finish_reason="stop"))
    assert reader.has_finished
    assert not reader.is_done


def test_a_stream_that_breaks_off_has_not_finished() -> None:
    reader, _ = read(chunk({"content": "a"}))
    assert not reader.has_finished
    assert not reader.is_done


def test_an_empty_finish_reason_finishes_nothing() -> None:
    reader, deltas = read(chunk({"content": "a"}, finish_reason=""))
    assert not reader.has_finished
    assert deltas == [Delta(text="a")]


@pytest.mark.parametrize(("told", "reason"), [("eos_token", "stop"), ("max_tokens", "length")])
def test_other_words_for_a_finish_are_told_in_those_of_the_api(told: str, reason: str) -> None:
    assert read(chunk({}, finish_reason=told))[1] == [Delta(finish_reason=reason)]


@pytest.mark.parametrize("told", ["abort", "error"])
def test_a_choice_that_was_given_up_is_a_failure_of_the_engine(told: str) -> None:
    with pytest.raises(EngineFailed, match="gave its answer up"):
        read(chunk({"content": "a"}), chunk({}, finish_reason=told))


def test_the_first_finish_reason_is_why_a_choice_ended() -> None:
    stream = chunk({}, finish_reason="length") + chunk({}, finish_reason="stop")
    assert answer_of(read(stream)[1]).finish_reason == "length"


def test_progress_frames_bring_no_delta() -> None:
    frame = (
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null}}],'
        b'"prompt_progress":{"total":900,"cache":0,"processed":512,"time_ms":80}}\n\n'
    )
    assert read(frame)[1] == []


def test_usage_may_come_with_the_last_choice() -> None:
    stream = (
        b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
    )
    assert read(stream)[1] == [
        Delta(text="a", finish_reason="stop", usage=Usage(input_tokens=1, output_tokens=1))
    ]


def test_reasoning_and_text_in_one_chunk_are_both_kept() -> None:
    answer = answer_of(read(chunk({"reasoning": "so", "content": "Yes"}))[1])
    assert (answer.reasoning, answer.text) == ("so", "Yes")


def test_nulls_where_engines_send_them_are_nothing() -> None:
    stream = (
        b'data: {"choices":null,"usage":null}\n\n'
        b'data: {"choices":[{"delta":null,"finish_reason":null}]}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":null,'
        b'"prompt_tokens_details":null}}\n\n'
    )
    assert read(stream)[1] == [Delta(usage=Usage(input_tokens=3))]


def test_the_stop_string_that_matched_is_told() -> None:
    vllm = chunk({}, finish_reason="stop", stop_reason="END")
    sglang = chunk({}, finish_reason="stop", matched_stop="END")
    expected = [Delta(finish_reason="stop", stop_sequence="END")]
    assert read(vllm)[1] == read(sglang)[1] == expected


@pytest.mark.parametrize(("word", "told"), [("END", "END"), ("", None)])
def test_a_verbose_llama_tells_it_too(word: str, told: str | None) -> None:
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    stream = b"data: %s\n\n" % json.dumps(last | {"__verbose": {"stopping_word": word}}).encode()
    assert read(stream)[1] == [Delta(finish_reason="stop", stop_sequence=told)]


def test_a_stop_token_is_no_stop_string() -> None:
    stream = chunk({}, finish_reason="stop", stop_reason=151645)
    assert read(stream)[1] == [Delta(finish_reason="stop")]


def test_logprobs_are_kept_as_the_engine_gave_them() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    stream = chunk({"content": "a"}, logprobs={"content": [token]})
    assert read(stream)[1] == [Delta(text="a", logprobs=(token,))]


def test_tool_calls_are_numbered_from_zero() -> None:
    piece = {"index": 1, "id": "c1", "function": {"name": "f", "arguments": ""}}
    more = {"index": 1, "function": {"arguments": "{}"}}
    _, deltas = read(chunk({"tool_calls": [piece]}), chunk({"tool_calls": [more]}))
    assert [piece for delta in deltas for piece in delta.tool_calls] == [
        ToolCallPiece(0, "c1", "f", ""),
        ToolCallPiece(0, None, None, "{}"),
    ]


def test_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    pieces = [
        {"index": 0, "id": call_id, "function": {"name": "f", "arguments": "{}"}}
        for call_id in ("c1", "c2")
    ]
    answer = answer_of(read(chunk({"tool_calls": pieces}))[1])
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [("c1", "{}"), ("c2", "{}")]


def test_a_call_whose_id_is_repeated_stays_one_call() -> None:
    piece = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "x"}}
    answer = answer_of(read(chunk({"tool_calls": [piece]}) * 3)[1])
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [("c1", "xxx")]


def test_an_error_inside_a_200_is_raised() -> None:
    with pytest.raises(EngineFailed, match="out of memory"):
        read(b'data: {"error":{"message":"out of memory"}}\n\n')


@pytest.mark.parametrize(
    "end", [b'data: {"error":{"message":"out of memory"}}\n\n', b"data: {nonsense\n\n"]
)
def test_what_was_said_before_an_error_counts_however_both_came(end: bytes) -> None:
    reader, deltas = read(chunk({"content": "a"}) + end)
    assert deltas == [Delta(text="a")]
    assert isinstance(reader.error, EngineFailed)


def test_an_error_inside_a_200_may_say_that_it_is_the_callers_own() -> None:
    with pytest.raises(PromptRejected, match="bad image"):
        read(b'data: {"error":{"message":"bad image","code":400}}\n\n')


def test_what_is_no_json_is_a_failure_of_the_engine() -> None:
    with pytest.raises(EngineFailed, match="unreadable"):
        read(b"data: {nonsense\n\n")


NO_UTF_8 = b'{"choices":[{"delta":{"content":"\xff"}}]}'
TOO_DEEP = b'{"choices":[{"delta":{"reasoning_details":' + b"[" * 100_000 + b"]" * 100_000 + b"}}]}"


@pytest.mark.parametrize("text", [NO_UTF_8, TOO_DEEP], ids=["no UTF-8", "too deep"])
@pytest.mark.parametrize("before", [b"", b": ping\n\n"], ids=["at once", "event by event"])
def test_json_that_cannot_be_decoded_is_a_failure_of_the_engine(text: bytes, before: bytes) -> None:
    with pytest.raises(EngineFailed, match="unreadable"):
        read(before + b"data: " + text + b"\n\n")


def test_an_event_without_an_end_is_given_up() -> None:
    with pytest.raises(EngineFailed, match="without an end"):
        read(b"data: " + b"x" * MAX_EVENT_BYTES)


def test_a_turn_is_said_as_a_streamed_chat_completion() -> None:
    body = json.loads(
        encode_turn(
            turn(
                messages=[{"role": "user", "content": "hi"}],
                sampling={"temperature": 0.5},
                max_output_tokens=7,
                extra={"top_k": 3},
            ),
            model="served-name",
            extra={"cache_salt": "s"},
        )
    )
    assert body == {
        "model": "served-name",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 7,
        "top_k": 3,
        "cache_salt": "s",
    }


def test_fields_of_the_caller_cannot_turn_off_the_stream() -> None:
    body = json.loads(encode_turn(turn(extra={"stream": False}), model="m", extra={}))
    assert body["stream"] is True


def test_fields_of_the_engine_win_over_those_of_the_caller() -> None:
    said = encode_turn(turn(extra={"cache_salt": "mine"}), model="m", extra={"cache_salt": "ours"})
    assert json.loads(said)["cache_salt"] == "ours"


def test_tools_that_may_not_be_called_are_not_said() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = json.loads(encode_turn(turn(tools=tools, tool_choice="none"), model="m", extra={}))
    assert "tools" not in body
    assert "tool_choice" not in body


def test_tools_are_said_with_the_choice_among_them() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    said = turn(tools=tools, tool_choice="required", parallel_tool_calls=False)
    body = json.loads(encode_turn(said, model="m", extra={}))
    assert body["tools"] == tools
    assert body["tool_choice"] == "required"
    assert body["parallel_tool_calls"] is False
