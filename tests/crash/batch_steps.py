"""The steps in the life of a batch at which its server is killed, and how each is held.

A batch is at each step at once, with models of its own. What holds it there is outside: the engine,
a condition in the database, who receives webhooks, or a planner's process that stands still.
"""

from __future__ import annotations

from enum import StrEnum

from tests.crash.batch_holds import Hold, claiming, moving, recording
from tests.crash.batch_lines import CHATS, Line, Lines, by_custom_id, input_file
from tests.crash.rote_engine import Asked

COUNT = 10
REFUSED = 3  # the number of the line that is refused
EARLY = (0, 1, 8)  # those that are answered before others, where some are
OTHERS_FROM = 7  # the first line of the second model


class Step(StrEnum):
    """Where a batch is when its server is killed; the value is its name."""

    CREATED = "created"  # its id was told; every planner has other work
    READING = "reading"  # its planner runs, and dies with the server
    ORPHANED = "orphaned"  # its planner runs, and outlives the server
    PLANNED = "planned"  # its plan is written, and not begun
    BEGUN = "begun"  # nothing of it is claimed
    HELD = "held"  # all of it is at the engine
    ANSWERED = "answered"  # all of it is answered, and perhaps written
    WRITTEN = "written"  # its results are written, and not recorded
    RECORDED = "recorded"  # some of its results are recorded
    LAST = "last"  # all but the results that would end it are recorded
    FINALIZING = "finalizing"  # all are recorded, and it has not ended
    COMPLETED = "completed"  # it has ended; the webhook was called, and has not answered
    CANCELLING = "cancelling"  # some are recorded, the others were stopped
    CANCELLED = "cancelled"  # all have a result, and it has not ended
    EXPIRING = "expiring"  # it expired with some recorded, the others were stopped

    @property
    def lines(self) -> Lines:
        """Its lines, of two models."""
        return by_custom_id(self._line(number) for number in range(COUNT))

    @property
    def models(self) -> tuple[str, str]:
        """The models of its lines."""
        return f"lab/{self.value}-one", f"lab/{self.value}-two"

    @property
    def content(self) -> bytes:
        """Its input."""
        return input_file(self.lines, CHATS)

    @property
    def prompts(self) -> set[str]:
        """What the engine is asked for it, at least once."""
        return {line.prompt for line in self.lines.values() if not line.is_refused}

    @property
    def early(self) -> set[str]:
        """The prompts that are answered first, where not all are."""
        return {self.lines[f"{self.value}-{number}"].prompt for number in EARLY}

    @property
    def hold(self) -> Hold | None:
        """What keeps it from what comes next, in the database, from its beginning on."""
        match self:
            case Step.PLANNED:
                return moving(self.value, "in_progress")
            case Step.BEGUN:
                return claiming(f"lab/{self.value}-")
            case Step.ANSWERED | Step.WRITTEN:
                return self.recording
            case Step.LAST:
                return moving(self.value, "finalizing")
            case Step.FINALIZING:
                return moving(self.value, "completed")
            case Step.CANCELLED:
                return moving(self.value, "cancelled")
            case _:
                return None

    @property
    def recording(self) -> Hold:
        """What keeps its results from being recorded."""
        return recording(f"lab/{self.value}-", name=self.value)

    @property
    def final(self) -> str:
        """The status in which it ends."""
        return {
            Step.CANCELLING: "cancelled",
            Step.CANCELLED: "cancelled",
            Step.EXPIRING: "expired",
        }.get(self, "completed")

    @property
    def is_cut(self) -> bool:
        """Whether it ends with lines that were not answered."""
        return self.final != "completed"

    def times(self, asked: list[Asked]) -> int:
        """Return how often the engine was asked for something of it."""
        return sum(1 for each in asked if each.prompt in self.prompts)

    def _line(self, number: int) -> Line:
        one, other = self.models
        return Line(
            custom_id=f"{self.value}-{number}",
            model=one if number < OTHERS_FROM else other,
            # Of different lengths, so that no two lines cost the same.
            prompt=f"line {number} of {self.value}" + " and on" * number,
            is_refused=number == REFUSED,
        )


CUT = tuple(step for step in Step if step.is_cut)
