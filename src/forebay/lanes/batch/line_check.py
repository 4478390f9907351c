"""What is wrong with a line of a caller's file.

The codes and messages are those that OpenAI's own batches answer with. What one endpoint alone
knows of its parameters is not looked at: that is said by the line's result.
"""

from __future__ import annotations

import msgspec

from forebay.dialects.batches import LineError
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import MAX_BRACKETS, has_too_many_brackets, is_too_deep
from forebay.lanes.batch.lines import MAX_LINE_BYTES
from forebay.lanes.batch.model_choice import CheckedLine, ModelChoice, WrongLine
from forebay.lanes.batch.plan_job import PlanJob

MAX_CUSTOM_ID = 512

# Responses can go without: the prompt may be in the instructions alone.
REQUIRED: dict[str, tuple[str, ...]] = {
    "/v1/chat/completions": ("messages",),
    "/v1/embeddings": ("input",),
    "/v1/completions": ("prompt",),
    "/v1/messages": ("messages", "max_tokens"),
}


class LineChecker:
    """Checks single lines of a caller's file."""

    def __init__(self, job: PlanJob) -> None:
        self._choice = ModelChoice(job)
        self._endpoint = job.endpoint
        self._required = REQUIRED.get(job.endpoint, ())

    def check(self, number: int, text: bytes) -> CheckedLine | LineError:
        """Return the good line, or what is wrong with it; `number` counts from 1.

        Raises `ModelUntold`.
        """
        try:
            line = _decoded(text)
            custom_id, method, url = (
                _string(line, name) for name in ("custom_id", "method", "url")
            )
            body = _body(line)
            if not 0 < len(custom_id) <= MAX_CUSTOM_ID:
                message = f"The custom_id must have 1 to {MAX_CUSTOM_ID} characters."
                raise WrongLine("invalid_value", message, "custom_id")
            if "\0" in custom_id:
                # Verdicts go by it, and a database cannot keep it.
                message = "The custom_id must not have the character U+0000."
                raise WrongLine("invalid_value", message, "custom_id")
            if method != "POST":
                raise WrongLine("invalid_method", "The method must be 'POST'.", "method")
            if url != self._endpoint:
                message = "The URL provided for this request does not match the batch endpoint."
                raise WrongLine("invalid_url", message, "url")
            return CheckedLine(custom_id, self._model(body), body)
        except WrongLine as wrong:
            return wrong.at(number)

    def _model(self, body: JsonObject) -> str:
        if body.get("stream") is True:
            message = "Streaming is not supported in the Batch API."
            raise WrongLine("streaming_unsupported", message, "body.stream")
        name = body.get("model")
        if not isinstance(name, str):
            raise WrongLine("invalid_request", "Model parameter is required.", "body.model")
        for required in self._required:
            if body.get(required) is None:
                message = f"{required.capitalize()} parameter is required."
                raise WrongLine("invalid_request", message, f"body.{required}")
        return self._choice.named(name)


_decode = msgspec.json.Decoder().decode


def _decoded(text: bytes) -> JsonObject:
    if len(text) > MAX_LINE_BYTES:
        raise WrongLine("line_too_long", f"This line is longer than {MAX_LINE_BYTES} bytes.")
    if has_too_many_brackets(text):
        message = f"This line has more than {MAX_BRACKETS} arrays and objects."
        raise WrongLine("invalid_json_line", message)
    try:
        line = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise WrongLine("invalid_json_line", "This line is not parseable as valid JSON.") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(line, dict):
        raise WrongLine("invalid_request", "This line is not a JSON object.")
    if is_too_deep(line, text):
        raise _too_deep()
    return line


def _string(line: JsonObject, name: str) -> str:
    value = line.get(name)
    if isinstance(value, str):
        return value
    if value is None:
        raise WrongLine(
            "missing_required_parameter", f"Missing required parameter: '{name}'.", name
        )
    raise WrongLine("invalid_type", f"Invalid type for '{name}': expected a string.", name)


def _body(line: JsonObject) -> JsonObject:
    body = line.get("body")
    if isinstance(body, dict):
        return body
    if body is None:
        raise WrongLine("missing_required_parameter", "Missing required parameter: 'body'.", "body")
    raise WrongLine("invalid_type", "Invalid type for 'body': expected an object.", "body")


def _too_deep() -> WrongLine:
    return WrongLine("invalid_json_line", "This line is nested too deeply.")
