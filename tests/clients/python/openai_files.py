"""Files, and uploads in parts, through OpenAI's client; both majors run this."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from openai import APIStatusError, OpenAI

from tests.clients.python.openai_client import connected
from tests.clients.python.stage import JsonObject, perform

ROWS = b"".join(b'{"number": %d}\n' % number for number in range(1000))
PART_BYTES = 4000
"""Not a whole number of rows: parts are cut where they are cut."""


def kept() -> JsonObject:
    """Keep a file for an hour, look at it, read it whole and in part, and delete it."""
    client = connected()
    made = client.files.create(
        file=("notes.txt", b"some notes"),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert made.expires_at is not None
    part = client.files.content(made.id, extra_headers={"Range": "bytes=5-"})
    with client.files.with_streaming_response.content(made.id) as streamed:
        pieces = b"".join(streamed.iter_bytes(4))
    return {
        "bytes": made.bytes,
        "life_s": made.expires_at - made.created_at,
        "is_found": client.files.retrieve(made.id) == made,
        "status": client.files.wait_for_processing(made.id).status,
        "text": client.files.content(made.id).text,
        "part": part.text,
        "pieces": pieces.decode(),
        "is_deleted": client.files.delete(made.id).deleted,
        "later": refusal(lambda: client.files.content(made.id)),
    }


def listed() -> JsonObject:
    """List files page by page in both directions, of one purpose and of all."""
    client = connected()
    names = {}
    for name in ("one", "two", "three"):
        names[client.files.create(file=(name, b"1"), purpose="vision").id] = name
    other = client.files.create(file=("other", b"1"), purpose="user_data")
    oldest = [file.id for file in client.files.list(purpose="vision", limit=2, order="asc")]
    newest = [file.id for file in client.files.list(purpose="vision", limit=2)]
    return {
        "oldest_first": [names[each] for each in oldest if each in names],
        "newest_first": [names[each] for each in newest if each in names],
        "has_other": other.id in oldest,
        "all_have_other": other.id in [file.id for file in client.files.list()],
    }


def uploaded() -> JsonObject:
    """Let the client cut a file into parts and send them."""
    client = connected()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(ROWS)
        upload = client.uploads.upload_file_chunked(
            file=path,
            mime_type="application/jsonl",
            purpose="batch",
            part_size=PART_BYTES,
            md5=hashlib.md5(ROWS).hexdigest(),
        )
    assert upload.file is not None
    return {
        "status": upload.status,
        "filename": upload.file.filename,
        "bytes": upload.file.bytes,
        "is_same": client.files.content(upload.file.id).content == ROWS,
        "is_listed": upload.file.id in [file.id for file in client.files.list(purpose="batch")],
    }


def ordered() -> JsonObject:
    """Send parts from the last to the first, and put them in their order when they are there."""
    client = connected()
    upload = _begun(client)
    pieces = [ROWS[start : start + PART_BYTES] for start in range(0, len(ROWS), PART_BYTES)]
    parts = [client.uploads.parts.create(upload, data=piece).id for piece in reversed(pieces)]
    file = client.uploads.complete(upload, part_ids=parts[::-1]).file
    assert file is not None
    return {
        "parts": len(parts),
        "is_same": client.files.content(file.id).content == ROWS,
        "again": refusal(lambda: client.uploads.parts.create(upload, data=b"more")),
    }


def mistaken() -> JsonObject:
    """Complete an upload with another sum and without all of its parts, then give it up."""
    client = connected()
    upload = _begun(client)
    part = client.uploads.parts.create(upload, data=ROWS).id
    half = client.uploads.parts.create(upload, data=ROWS[:PART_BYTES]).id
    wrong_md5 = hashlib.md5(b"").hexdigest()
    return {
        "wrong_md5": refusal(
            lambda: client.uploads.complete(upload, part_ids=[part], md5=wrong_md5)
        ),
        "wrong_size": refusal(lambda: client.uploads.complete(upload, part_ids=[half])),
        "cancelled": client.uploads.cancel(upload).status,
        "later": refusal(lambda: client.uploads.complete(upload, part_ids=[part])),
    }


def refusal(call: Callable[[], object]) -> JsonObject:
    """Return what the client says of a call that is refused."""
    try:
        call()
    except APIStatusError as error:
        return {"class": type(error).__name__, "param": error.param}
    raise AssertionError("it was not refused")


def _begun(client: OpenAI) -> str:
    upload = client.uploads.create(
        bytes=len(ROWS), filename="rows.jsonl", mime_type="application/jsonl", purpose="batch"
    )
    assert upload.status == "pending", upload
    return upload.id


if __name__ == "__main__":
    perform(kept, listed, uploaded, ordered, mistaken)
