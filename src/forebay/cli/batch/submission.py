"""An input becomes a batch: its model chosen, its lines written, sent, and the batch created."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from forebay.cli.batch.batch_input import BatchInput, Terms
from forebay.cli.batch.bodies import Endpoint
from forebay.cli.batch.calls import Calls, Unsure
from forebay.cli.batch.display import Display
from forebay.cli.batch.endings import CommandRefused
from forebay.cli.batch.request_lines import RequestForm, write_lines
from forebay.cli.batch.retrying import TRIES, pause_after
from forebay.cli.batch.rows import Row, rows_of
from forebay.cli.batch.shapes import BatchList, BatchView, ModelList
from forebay.cli.batch.upload import upload
from forebay.core.models import ModelKind
from forebay.engines.known_models import KNOWN_MODELS

BATCHES = "/batches"
ROWS_A_STEP = 200
SHOWN_MODELS = 10
PAGE = "100"
MAX_PAGES = 10

EMBEDDING_MODELS = frozenset(
    model.name for model in KNOWN_MODELS if model.kind is ModelKind.EMBEDDING
)


class ModelUnnamed(CommandRefused):
    """It is not clear which model is meant."""

    code = "model_unnamed"


async def chosen_model(calls: Calls, given: BatchInput) -> str | None:
    """Return the model that is named, or the only one there is; None for ready lines.

    Raises `ModelUnnamed`.
    """
    if given.form is None or given.model is not None:
        return given.model
    served = [model.id for model in (await calls.get("/models", ModelList)).data]
    wants_embeddings = given.form.endpoint is Endpoint.EMBEDDINGS
    fitting = [name for name in served if (name in EMBEDDING_MODELS) is wants_embeddings]
    fitting = fitting or served
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise ModelUnnamed("the server has no model yet: its engine may be away")
    named = ", ".join(fitting[:SHOWN_MODELS])
    more = f" and {len(fitting) - SHOWN_MODELS} more" if len(fitting) > SHOWN_MODELS else ""
    raise ModelUnnamed(f"name a model with --model; the server has {named}{more}")


async def sent(
    calls: Calls,
    given: BatchInput,
    *,
    model: str | None,
    scratch: Path,
    key: str,
    display: Display,
) -> str:
    """Send the lines of an input and return the id of their file.

    Those that are made of rows are written to `scratch` first, which is gone afterwards; nothing is
    sent unless all of them can be made.
    """
    path = given.path
    try:
        if given.form is not None:
            assert model is not None
            path = scratch
            await _written(rows_of(given.path), given.form, path, model=model, display=display)
        with display.bar("sending", total=path.stat().st_size) as moved:
            name = f"{given.path.stem}.jsonl"
            return await upload(calls, path, name=name, key=key, on_sent=moved)
    finally:
        _forget(scratch)


async def _written(
    rows: Iterator[Row], form: RequestForm, scratch: Path, *, model: str, display: Display
) -> None:
    with display.bar("reading", total=None) as moved, scratch.open("wb") as file:
        for number in write_lines(rows, form, file, model=model):
            if number % ROWS_A_STEP == 0:
                moved(number)
                await asyncio.sleep(0)  # a signal is heard between rows


async def created(
    calls: Calls, *, file_id: str, endpoint: str, terms: Terms, key: str, may_exist: bool
) -> BatchView:
    """Create the batch of a file, or return the one that an earlier call made of it.

    Not every server knows idempotency keys, so after a call whose answer was lost, and with
    `may_exist`, it is looked for first.
    """
    asked: dict[str, object] = {
        "input_file_id": file_id,
        "endpoint": endpoint,
        "completion_window": terms.window,
    }
    if terms.metadata:
        asked["metadata"] = terms.metadata
    body = msgspec.json.encode(asked)
    tries = 0
    while True:
        tries += 1
        if may_exist and (found := await _made_of(calls, file_id)) is not None:
            return found
        try:
            return await calls.post(
                BATCHES, BatchView, payload=lambda: body, key=key, is_safe=False
            )
        except Unsure:
            may_exist = True
            if tries >= TRIES:
                raise
        await calls.pause(pause_after(tries))


async def _made_of(calls: Calls, file_id: str) -> BatchView | None:
    """Return the batch whose input is the file, among the newest."""
    query = {"limit": PAGE}
    for _ in range(MAX_PAGES):
        page = await calls.get(BATCHES, BatchList, query=query)
        for batch in page.data:
            if batch.input_file_id == file_id:
                return batch
        if not page.has_more or not page.data:
            break
        query = {"limit": PAGE, "after": page.data[-1].id}
    return None


def _forget(scratch: Path) -> None:
    scratch.unlink(missing_ok=True)


def path_of(batch_id: str) -> str:
    """Return the path of a batch."""
    return f"{BATCHES}/{quote(batch_id, safe='')}"
