"""Which model runs a line, by the name that the line gives."""

from __future__ import annotations

from typing import NamedTuple

from forebay.dialects.batches import LineError
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.plan_job import PlanJob

SHOWN_NAME = 100


class CheckedLine(NamedTuple):
    """A line that can be run, and the model that runs it."""

    custom_id: str
    model: str
    body: JsonObject


class ModelUntold(Exception):
    """A line names a model that an engine may still tell of."""


class WrongLine(Exception):
    """What is wrong with a line, before it is said with which."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def at(self, number: int | None) -> LineError:
        """Return the error of the line of that number."""
        return LineError(self.code, self.message, self.param, number)


class ModelChoice:
    """The models of a job by all their names."""

    def __init__(self, job: PlanJob) -> None:
        self._models = job.models
        self._closed = job.closed
        self._fallback = job.fallback_model
        self._is_untold = job.is_untold

    def named(self, name: str) -> str:
        """Return the model of that name; raises `ModelUntold` or `WrongLine`."""
        model = self._models.get(name)
        if model is not None:
            return model
        if name in self._closed:
            raise WrongLine("invalid_request", self._closed[name], "body.model")
        if self._is_untold:
            raise ModelUntold
        shown = name if len(name) <= SHOWN_NAME else name[:SHOWN_NAME] + "..."
        message = f"The provided model '{shown}' is not supported by the Batch API."
        raise WrongLine("model_not_found", message, "body.model")

    def for_any(self, body: JsonObject) -> str:
        """Return the model of a request, or that at which it will learn what is wrong with it.

        Raises `ModelUntold`.
        """
        name = body.get("model")
        try:
            return self.named(name if isinstance(name, str) else "")
        except WrongLine:
            if self._fallback is None:
                raise ModelUntold from None
            return self._fallback
