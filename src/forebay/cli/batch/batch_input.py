"""The input of a batch and what is to be made of it, checked before anything is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from forebay.cli.batch.bodies import (
    Answering,
    Endpoint,
    JsonObject,
    OptionMisplaced,
    Schema,
    check_answering,
)
from forebay.cli.batch.request_lines import RequestForm, first_ready_line, ready_chunks
from forebay.cli.batch.rows import Chunk, Format, InputWrong, Row, chunks_of, format_of, rows_of
from forebay.cli.batch.state import hashed
from forebay.cli.batch.template import Template, read_template

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions:
    """The options that shape the lines of a batch, as they were given."""

    endpoint: str | None = None
    prompt: str | None = None
    system: str | None = None
    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    schema: Path | None = None
    id_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInput:
    """A file and how it becomes the lines of a batch; without a form, they are ready."""

    path: Path
    endpoint: str
    form: RequestForm | None
    model: str | None
    options: dict[str, str]
    written_at: int

    @property
    def unit(self) -> str:
        """What a line of the batch is in the input."""
        return "line" if self.form is None else "row"

    @property
    def has_vectors(self) -> bool:
        """Whether the answers are embeddings."""
        return self.endpoint == Endpoint.EMBEDDINGS

    @property
    def has_json(self) -> bool:
        """Whether the answers are asked to be JSON."""
        return self.form is not None and self.form.answering.schema is not None

    @property
    def is_uniform(self) -> bool:
        """Whether all rows have the same columns: those of a table have, objects need not."""
        return self.form is None or format_of(self.path) is not Format.JSONL

    def chunks(self) -> Iterator[Chunk]:
        """Yield what the output has a row for; raises `InputWrong` if the file was changed."""
        if _written_at(self.path) != self.written_at:
            raise InputWrong(f"{self.path.name} was changed while its batch ran; put it back")
        return ready_chunks(self.path) if self.form is None else chunks_of(self.path)

    def custom_id(self, row: Row) -> str:
        """Return the id that a row has in the batch."""
        if self.form is None:
            return str(row.fields["custom_id"])
        return self.form.custom_id(row)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a batch as a whole."""

    window: str
    metadata: dict[str, str]


def read_input(path: Path, given: LineOptions, terms: Terms) -> BatchInput:
    """Return the input that the options mean; raises `CommandRefused` for what cannot be meant."""
    if not path.is_file():
        raise InputWrong(f"there is no file {path}")
    format_of(path)
    written_at = _written_at(path)
    ready = first_ready_line(path)
    if ready is not None:
        _refuse_shaping(given)
        endpoint, form = given.endpoint or ready.url, None
    else:
        form = _form(path, given)
        endpoint = form.endpoint.value
        if next(rows_of(path), None) is None:
            raise InputWrong(f"{path.name} has no rows")
    schema = None if form is None else form.answering.schema
    named = {
        "--endpoint": endpoint,
        "--prompt": given.prompt,
        "--system": given.system,
        "--model": given.model,
        "--max-tokens": given.max_tokens,
        "--temperature": given.temperature,
        "--schema": None if schema is None else (schema.name, schema.schema),
        "--id-column": given.id_column,
        "--window": terms.window,
        "--metadata": sorted(terms.metadata.items()) or None,
    }
    options = {name: hashed(value) for name, value in named.items() if value is not None}
    return BatchInput(
        path=path,
        endpoint=endpoint,
        form=form,
        model=given.model,
        options=options,
        written_at=written_at,
    )


async def input_hash(path: Path) -> str:
    """Return the SHA-256 of a file, letting others run between its pieces."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            found.update(piece)
            await asyncio.sleep(0)
    return found.hexdigest()


def _written_at(path: Path) -> int:
    return path.stat().st_mtime_ns


def _refuse_shaping(given: LineOptions) -> None:
    shaping = {
        "--prompt": given.prompt,
        "--system": given.system,
        "--model": given.model,
        "--max-tokens": given.max_tokens,
        "--temperature": given.temperature,
        "--schema": given.schema,
        "--id-column": given.id_column,
    }
    for option, value in shaping.items():
        if value is not None:
            raise OptionMisplaced(f"these are ready lines of a batch; {option} would change them")


def _form(path: Path, given: LineOptions) -> RequestForm:
    if given.prompt is None:
        raise OptionMisplaced(
            f"{path.name} has no ready lines of a batch (custom_id, method, url, body); "
            'say what to ask about each row, such as --prompt "Summarise: {text}"'
        )
    try:
        endpoint = Endpoint(given.endpoint or Endpoint.CHAT)
    except ValueError:
        known = ", ".join(Endpoint)
        raise OptionMisplaced(f"with --prompt, --endpoint is one of {known}") from None
    answering = Answering(
        max_tokens=given.max_tokens,
        temperature=given.temperature,
        schema=None if given.schema is None else _schema(given.schema),
    )
    check_answering(endpoint, answering, has_system=given.system is not None)
    return RequestForm(
        endpoint=endpoint,
        prompt=read_template(given.prompt, option="--prompt"),
        system=_template(given.system),
        answering=answering,
        id_column=given.id_column,
    )


def _template(text: str | None) -> Template | None:
    return None if text is None else read_template(text, option="--system")


def _schema(path: Path) -> Schema:
    try:
        schema = msgspec.json.decode(path.read_bytes(), type=JsonObject)
    except FileNotFoundError:
        raise InputWrong(f"there is no file {path}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InputWrong(f"{path} holds no JSON object, and so no schema") from None
    # A name is letters, digits, - and _ there.
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in path.stem)
    return Schema(name=name[:64] or "answer", schema=schema)
