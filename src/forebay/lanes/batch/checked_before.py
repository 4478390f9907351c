"""Lines that were checked before: by the door of Message Batches, or by an earlier plan."""

from __future__ import annotations

import msgspec

from forebay.core.batches import BatchApi
from forebay.core.errors import InvalidJson
from forebay.dialects.batches import LineError
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object
from forebay.lanes.batch.lines import decode_line
from forebay.lanes.batch.model_choice import CheckedLine, ModelChoice, WrongLine
from forebay.lanes.batch.plan_job import PlanJob


class _Request(msgspec.Struct):
    custom_id: str
    params: msgspec.Raw


_named = msgspec.json.Decoder(_Request)


class RequestLines:
    """The requests of a Message Batch: what is wrong with one is said by its result."""

    def __init__(self, job: PlanJob) -> None:
        self._choice = ModelChoice(job)

    def check(self, number: int, text: bytes) -> CheckedLine | LineError:
        """Return the line; raises `ModelUntold`."""
        line = _named.decode(text)
        params = _decoded(line.params)
        return CheckedLine(line.custom_id, self._choice.for_any(params), params)


class PlannedLines:
    """Lines of an earlier batch that run again, if their models still do."""

    def __init__(self, job: PlanJob) -> None:
        self._choice = ModelChoice(job)
        self._is_any_right = job.api is BatchApi.MESSAGE_BATCHES

    def check(self, number: int, text: bytes) -> CheckedLine | LineError:
        """Return the line, or an error that names none: its number says nothing to the caller.

        Raises `ModelUntold`.
        """
        try:
            line = decode_line(text)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # Its result said so the first time. It names no caller's line, and nothing to run.
            return LineError("invalid_request", "A request can no longer be read.")
        if self._is_any_right:
            return CheckedLine(line.custom_id, self._choice.for_any(line.body), line.body)
        try:
            model = self._choice.named(str(line.body["model"]))
        except WrongLine as wrong:
            return wrong.at(None)
        return CheckedLine(line.custom_id, model, line.body)


def _decoded(params: msgspec.Raw) -> JsonObject:
    try:
        return decode_object(bytes(params))
    except InvalidJson:
        # Nothing can be run of it. As an empty request it gets the error that is its result.
        return {}
