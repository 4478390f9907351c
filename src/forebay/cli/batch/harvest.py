"""The results of a batch, brought here: what is there while it runs, and the rest at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forebay.cli.batch.calls import Calls
from forebay.cli.batch.download import fetch, part_of
from forebay.cli.batch.shapes import BatchView

LOOKS = 5
"""While a batch runs, its results are fetched at most every so many looks at it."""


@dataclass(frozen=True, slots=True)
class Harvested:
    """Where the lines of a batch's two files are; None for a file that it does not have."""

    output: Path | None
    errors: Path | None

    @property
    def parts(self) -> list[Path]:
        """Those of the two that are there."""
        return [part for part in (self.output, self.errors) if part is not None]


class Harvest:
    """Brings the results of one batch to beside an output."""

    def __init__(self, calls: Calls, output: Path) -> None:
        self._calls = calls
        self._output = output
        self._looks = 0
        self._fetched = 0
        self._gives_early = True

    async def look(self, batch: BatchView) -> None:
        """Fetch what a running batch has more than at the last time, if its server gives it."""
        self._looks += 1
        done = batch.counts.done
        if not self._gives_early or self._looks % LOOKS or done == self._fetched:
            return
        self._fetched = done
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is not None:
                # A server that sends all of it again each time is asked at the end only.
                more = await fetch(self._calls, file_id, part_of(self._output, file_id))
                self._gives_early = self._gives_early and more

    async def end(self, batch: BatchView) -> Harvested:
        """Fetch the rest of a batch that has ended, and return where all of it is."""
        return Harvested(
            output=await self._whole(batch.output_file_id),
            errors=await self._whole(batch.error_file_id),
        )

    async def _whole(self, file_id: str | None) -> Path | None:
        if file_id is None:
            return None
        part = part_of(self._output, file_id)
        await fetch(self._calls, file_id, part)
        part.touch()
        return part
