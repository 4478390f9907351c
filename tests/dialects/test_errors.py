"""Errors in the words of OpenAI and of Anthropic."""

from __future__ import annotations

import pytest

from forebay.core import engine_errors, errors
from forebay.core.errors import ForebayError
from forebay.dialects.errors import anthropic_error, openai_error

STATUSES: list[tuple[ForebayError, int, int]] = [
    (errors.InvalidJson("no"), 400, 400),
    (errors.MissingParameter("model"), 400, 400),
    (errors.UnsupportedParameter("n"), 400, 400),
    (errors.WindowNotOffered("1h", ("asap",), param="metadata.completion_window"), 400, 400),
    (errors.ContextTooLong("too long"), 400, 400),
    (errors.UnknownModel("m"), 404, 404),
    (errors.BodyTooLarge(10), 413, 413),
    (errors.NotAuthenticated("no key"), 401, 401),
    (errors.NotPermitted("no"), 403, 403),
    (errors.NotFound("no"), 404, 404),
    (errors.MethodNotAllowed("no"), 405, 405),
    (errors.Conflict("ended"), 409, 409),
    (errors.Overloaded("full"), 429, 429),
    (errors.TurnTimedOut("late"), 504, 504),
    (engine_errors.EngineBusy("busy"), 503, 529),
    (engine_errors.EngineUnavailable("gone"), 503, 529),
    (engine_errors.EngineFailed("broken"), 502, 502),
    (errors.LeaseLost("lost"), 500, 500),
]


@pytest.mark.parametrize(("error", "openai", "anthropic"), STATUSES)
def test_every_error_has_its_status_in_both_dialects(
    error: ForebayError, openai: int, anthropic: int
) -> None:
    assert openai_error(error).status == openai
    assert anthropic_error(error, request_id="req_1").status == anthropic


def test_openai_gets_all_four_keys() -> None:
    body = openai_error(errors.MissingParameter("model")).body
    assert body == {
        "error": {
            "message": "Missing required parameter: 'model'.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "missing_required_parameter",
        }
    }


@pytest.mark.parametrize("error", [errors.NotFound("no"), errors.Conflict("no")])
def test_openai_gets_a_null_code_where_the_status_says_it_all(error: ForebayError) -> None:
    detail = openai_error(error).body["error"]
    assert isinstance(detail, dict)
    assert detail["code"] is None


def test_anthropic_gets_the_type_and_the_request_id() -> None:
    body = anthropic_error(errors.UnknownModel("m"), request_id="req_1").body
    assert body == {
        "type": "error",
        "error": {
            "type": "not_found_error",
            "message": "The model 'm' does not exist or you do not have access to it.",
        },
        "request_id": "req_1",
    }


@pytest.mark.parametrize(
    ("retry_after_s", "header"), [(0.2, "1"), (1.0, "1"), (7.6, "8"), (90.0, "90")]
)
def test_a_pause_is_told_in_whole_seconds(retry_after_s: float, header: str) -> None:
    error = errors.Overloaded("full", retry_after_s=retry_after_s)
    assert openai_error(error).headers["retry-after"] == header


def test_a_busy_engine_that_names_no_pause_sets_no_header() -> None:
    assert "retry-after" not in openai_error(engine_errors.EngineBusy("busy")).headers


@pytest.mark.parametrize("error", [errors.Conflict("ended"), errors.TurnTimedOut("late")])
def test_clients_are_told_not_to_repeat_what_cannot_succeed(error: ForebayError) -> None:
    assert openai_error(error).headers["x-should-retry"] == "false"
    assert anthropic_error(error, request_id="r").headers["x-should-retry"] == "false"


def test_an_error_takes_the_words_of_its_nearest_family() -> None:
    class OddlyRejected(errors.PromptRejected):
        """A refusal that has no line of its own in the table."""

    assert openai_error(OddlyRejected("odd")).status == 400


@pytest.mark.parametrize(("engine_status", "told"), [(401, "false"), (404, "false"), (500, None)])
def test_what_the_operator_must_mend_is_not_worth_a_retry(
    engine_status: int, told: str | None
) -> None:
    reply = openai_error(engine_errors.EngineFailed("no", engine_status=engine_status))
    assert reply.headers.get("x-should-retry") == told
