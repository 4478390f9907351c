"""What servers answer with, as far as it is used here; what is not standard may be left out."""

from __future__ import annotations

import msgspec

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})


class FileView(msgspec.Struct, frozen=True):
    """A file."""

    id: str
    bytes: int | None = None


class UploadView(msgspec.Struct, frozen=True):
    """An upload, and the file that it became."""

    id: str
    file: FileView | None = None


class PartView(msgspec.Struct, frozen=True):
    """A part of an upload."""

    id: str


class ModelView(msgspec.Struct, frozen=True):
    """A model."""

    id: str


class ModelList(msgspec.Struct, frozen=True):
    """All models of a server."""

    data: list[ModelView]


class Counts(msgspec.Struct, frozen=True):
    """How many lines a batch has, and how many of them have ended."""

    total: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        """The lines that have ended, well or badly."""
        return self.completed + self.failed


class Tokens(msgspec.Struct, frozen=True):
    """The tokens of a batch."""

    input_tokens: int = 0
    output_tokens: int = 0


class Cost(msgspec.Struct, frozen=True):
    """An amount of money, as a decimal."""

    amount: str
    currency: str


class Pace(msgspec.Struct, frozen=True):
    """How fast a batch goes."""

    eta_s: float | None = None
    lines_per_s: float | None = None


class Extension(msgspec.Struct, frozen=True):
    """What a Forebay server says of a batch beyond the standard."""

    cost: Cost | None = None
    deadline_at: float | None = None
    expected_at: float | None = None
    progress: Pace | None = None


class LineProblem(msgspec.Struct, frozen=True):
    """What validation found; `line` counts from 1."""

    code: str | None = None
    message: str | None = None
    param: str | None = None
    line: int | None = None


class Problems(msgspec.Struct, frozen=True):
    """All that validation found."""

    data: list[LineProblem] = []


class BatchView(msgspec.Struct, frozen=True):
    """A batch as it stands."""

    id: str
    status: str
    endpoint: str = ""
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: float | None = None
    completed_at: float | None = None
    expired_at: float | None = None
    cancelled_at: float | None = None
    request_counts: Counts | None = None
    usage: Tokens | None = None
    errors: Problems | None = None
    forebay: Extension | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED

    @property
    def wall_s(self) -> float | None:
        """The seconds from its creation to its end, where both are told."""
        ended_at = self.completed_at or self.expired_at or self.cancelled_at
        if ended_at is None or self.created_at is None:
            return None
        return max(0.0, ended_at - self.created_at)

    @property
    def counts(self) -> Counts:
        """Its counts; none are zeros."""
        return self.request_counts or Counts()

    @property
    def cost(self) -> Cost | None:
        """What it has cost so far, where the server tells."""
        return None if self.forebay is None else self.forebay.cost


class BatchList(msgspec.Struct, frozen=True):
    """A page of batches, the newest first."""

    data: list[BatchView]
    has_more: bool = False
