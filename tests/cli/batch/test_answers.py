"""An answer is read from a result line of any endpoint, or the reason why there is none."""

from __future__ import annotations

import json

import pytest

from forebay.cli.batch.answers import Answer, AnswerStatus, read_answer


def read(body: object, *, status: int = 200) -> Answer:
    response = {"status_code": status, "request_id": "r", "body": body}
    line = {"id": "l", "custom_id": "a", "response": response, "error": None}
    return read_answer(json.dumps(line).encode())


@pytest.mark.parametrize(
    "body",
    [
        {
            "choices": [{"message": {"role": "assistant", "content": "Yes."}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        },
        {"choices": [{"text": "Yes."}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        {
            "output": [
                {"type": "reasoning", "summary": [], "content": [{"type": "x", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]},
            ],
            "usage": {"input_tokens": 3, "output_tokens": 2},
        },
        {
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes."}],
            "usage": {"input_tokens": 3, "output_tokens": 2},
        },
    ],
)
def test_the_text_and_the_tokens_are_found_in_every_apis_answer(body: object) -> None:
    assert read(body) == Answer(
        status=AnswerStatus.COMPLETED, value="Yes.", input_tokens=3, output_tokens=2
    )


def test_an_embedding_is_a_list_of_numbers() -> None:
    body = {"data": [{"embedding": [0.5, 1]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}}

    assert read(body).value == [0.5, 1.0]
    assert read(body).output_tokens is None


def test_a_refusal_is_told_as_an_error() -> None:
    answer = read({"choices": [{"message": {"content": None, "refusal": "No."}}]})

    assert (answer.status, answer.value, answer.error) == ("completed", None, "refused: No.")


def test_an_error_of_the_endpoint_has_its_status_code_and_message() -> None:
    answer = read({"error": {"message": "Too long.", "code": "too_long"}}, status=400)

    assert (answer.status, answer.error) == ("failed", "400: too_long: Too long.")


@pytest.mark.parametrize(
    ("code", "status"),
    [("batch_expired", "expired"), ("batch_cancelled", "cancelled"), ("other", "failed")],
)
def test_a_request_that_was_not_run_says_why(code: str, status: str) -> None:
    line = {"custom_id": "a", "response": None, "error": {"code": code, "message": "Why."}}

    answer = read_answer(json.dumps(line).encode())

    assert (answer.status, answer.error) == (status, f"{code}: Why.")


@pytest.mark.parametrize("body", [{"choices": 7}, [1], "text"])
def test_an_answer_of_an_unknown_form_is_a_failed_one(body: object) -> None:
    assert read(body).status == AnswerStatus.FAILED
