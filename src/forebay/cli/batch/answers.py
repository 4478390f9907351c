"""What became of a line, read from its result: the answer of whichever endpoint, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

UNREADABLE = "its answer has a form that is not known here"
UNANSWERED = "the batch has no result for it"


class AnswerStatus(StrEnum):
    """How a line ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    MISSING = "missing"  # in none of the batch's files


ENDED_EARLY = {"batch_expired": AnswerStatus.EXPIRED, "batch_cancelled": AnswerStatus.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a line; `value` is a text, or the vector of an embedding."""

    status: AnswerStatus
    value: str | list[float] | None = None
    error: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


MISSING = Answer(status=AnswerStatus.MISSING, error=UNANSWERED)


class _Problem(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    text: str | None = None


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Part] | None = None


class _Embedding(msgspec.Struct):
    embedding: list[float]


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Body(msgspec.Struct):
    """The bodies of all endpoints: each has one of the first four."""

    choices: list[_Choice] | None = None
    output: list[_Item] | None = None
    content: list[_Part] | None = None
    data: list[_Embedding] | None = None
    usage: _Usage | None = None
    error: _Problem | None = None


class _Response(msgspec.Struct):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Line(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: _Problem | None = None


_read_line = msgspec.json.Decoder(_Line).decode
_read_body = msgspec.json.Decoder(_Body).decode


def read_answer(line: bytes) -> Answer:
    """Return what a line of an output or an error file says."""
    try:
        found = _read_line(line)
        if found.response is None:
            return _unanswered(found.error or _Problem())
        body = _read_body(found.response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Answer(status=AnswerStatus.FAILED, error=UNREADABLE)
    if found.response.status_code != 200:
        problem = body.error or _Problem()
        return Answer(
            status=AnswerStatus.FAILED,
            error=f"{found.response.status_code}: {_told(problem)}",
        )
    return _answered(body)


def _answered(body: _Body) -> Answer:
    usage = body.usage or _Usage()
    return Answer(
        status=AnswerStatus.COMPLETED,
        value=_value(body),
        error=_refusal(body),
        input_tokens=_first(usage.input_tokens, usage.prompt_tokens),
        output_tokens=_first(usage.output_tokens, usage.completion_tokens),
    )


def _unanswered(problem: _Problem) -> Answer:
    status = ENDED_EARLY.get(str(problem.code), AnswerStatus.FAILED)
    return Answer(status=status, error=_told(problem))


def _value(body: _Body) -> str | list[float] | None:
    if body.choices:
        choice = body.choices[0]
        return choice.text if choice.message is None else choice.message.content
    if body.data:
        return body.data[0].embedding
    texts = [part.text for part in _parts(body) if part.text is not None]
    return "".join(texts) if texts else None


def _refusal(body: _Body) -> str | None:
    told = [choice.message.refusal for choice in body.choices or [] if choice.message is not None]
    told += [part.refusal for part in _parts(body)]
    said = [text for text in told if text]
    return f"refused: {said[0]}" if said else None


def _parts(body: _Body) -> list[_Part]:
    """Return the parts of an answer of Messages, or of the messages of one of Responses."""
    parts = list(body.content or [])
    for item in body.output or []:
        if item.type == "message":
            parts += item.content or []
    return [part for part in parts if part.type in ("text", "output_text", "refusal")]


def _told(problem: _Problem) -> str:
    code, message = problem.code or problem.type, problem.message
    return ": ".join(str(text) for text in (code, message) if text) or "no reason was given"


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)
