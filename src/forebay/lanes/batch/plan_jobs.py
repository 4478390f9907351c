"""What is to be planned for a batch: where its input is, and which models may run it now."""

from __future__ import annotations

from forebay.core.batches import Batch, BatchApi
from forebay.core.clock import Clock
from forebay.core.errors import NotFound, WindowNotOffered
from forebay.core.lanes import Lane
from forebay.core.windows import choose_window
from forebay.dialects.batches import LineError
from forebay.lanes.batch.contents import Contents
from forebay.lanes.batch.plan_job import PlanJob, SourceExtent, SourceForm
from forebay.lanes.catalogue import Catalogue
from forebay.store.store import Store

Told = tuple[frozenset[str], bool]
"""The names of the served models, and whether there may be more of them soon."""


class InputRefused(Exception):
    """There is nothing to plan: the input is gone, or is more than may be."""

    def __init__(self, error: LineError) -> None:
        super().__init__(error.message)
        self.error = error


class PlanJobs:
    """Makes the jobs of planners."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        *,
        clock: Clock,
        max_bytes: int,
        max_requests: int,
        max_errors: int,
    ) -> None:
        self._store = store
        self._contents = Contents(store)
        self._catalogue = catalogue
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_requests = max_requests
        self._max_errors = max_errors

    def told(self) -> Told:
        """Return what of the models decides whether lines can be placed."""
        names = frozenset(served.model.name for served in self._catalogue.all())
        return names, bool(self._catalogue.untold)

    async def make(self, batch: Batch) -> PlanJob:
        """Return the job of a batch; raises `InputRefused`."""
        if batch.retry_of is not None:
            form, source = SourceForm.PLAN, await self._failed_lines(batch, batch.retry_of)
        else:
            is_hidden = batch.api is BatchApi.MESSAGE_BATCHES
            form = SourceForm.REQUESTS if is_hidden else SourceForm.LINES
            source = await self._file(batch, is_hidden=is_hidden)
        models, closed = self._models(batch.completion_window)
        names, is_untold = self.told()
        return PlanJob(
            batch_id=batch.id,
            endpoint=batch.endpoint,
            api=batch.api,
            form=form,
            source=source,
            models=models,
            closed=closed,
            fallback_model=next(iter(models.values()), min(names, default=None)),
            is_untold=is_untold,
            max_requests=self._max_requests,
            max_errors=self._max_errors,
        )

    async def _file(self, batch: Batch, *, is_hidden: bool) -> list[SourceExtent]:
        """Return the input; a hidden file is one only to the batch that it was made for."""
        file_id = batch.input_file_id
        message = f"Cannot find file {file_id}, or the project does not have access to it."
        gone = InputRefused(LineError("invalid_request", message, "file_id"))
        file = await self._store.files.get(batch.project_id, file_id)
        if (
            file is None
            or file.has_expired(self._clock.now())
            or (file.is_hidden and not is_hidden)
        ):
            raise gone
        try:
            extents = await self._contents.extents(file)
        except NotFound:
            raise gone from None
        if not is_hidden and file.size_bytes > self._max_bytes:
            message = f"The input file is larger than {self._max_bytes} bytes."
            raise InputRefused(LineError("file_too_large", message, "file_id"))
        return [
            SourceExtent(blob_id=it.blob_id, offset_bytes=it.offset_bytes, size_bytes=it.size_bytes)
            for it in extents
        ]

    async def _failed_lines(self, batch: Batch, earlier_id: str) -> list[SourceExtent]:
        """Return what has an error as its result in the earlier batch."""
        earlier = await self._store.batches.get(batch.project_id, earlier_id)
        failed = [] if earlier is None else await self._store.failed_lines.of(earlier.id)
        if not failed:
            message = f"The batch {earlier_id} has no failed requests any more."
            raise InputRefused(LineError("invalid_request", message, "retry_of"))
        return [
            SourceExtent(
                blob_id=segment.blob_id,
                offset_bytes=segment.offset_bytes,
                size_bytes=segment.size_bytes,
                numbers=numbers,
            )
            for segment, numbers in failed
        ]

    def _models(self, window: str) -> tuple[dict[str, str], dict[str, str]]:
        models: dict[str, str] = {}
        closed: dict[str, str] = {}
        for served in self._catalogue.all():
            model = served.model
            # Of models that want the same alias, one has it.
            names = [it for it in (model.name, *model.aliases) if self._catalogue.get(it) is served]
            try:
                choose_window(Lane.BATCH, window, model.windows)
            except WindowNotOffered as error:
                closed |= dict.fromkeys(names, str(error))
            else:
                models |= dict.fromkeys(names, model.name)
        return models, closed
